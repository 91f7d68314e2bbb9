//! A command, how it is stored, and how it ends.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::error::CommandError;

/// A clock that was set back by more could hide that the server has forgotten an id.
const SET_BACK_MAX_MS: i64 = 60_000;

/// Where the outcome of a command is awaited.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, CommandError>>;

/// A command. It keeps its id in all attempts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Command {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) payload: Value,
}

impl Command {
    /// Returns the command as a message of the dialects with JSON messages.
    pub(crate) fn message(&self) -> String {
        json!({ "type": self.kind, "id": self.id, "payload": self.payload }).to_string()
    }
}

/// A command that is to be sent.
#[derive(Debug)]
pub(crate) struct Submission<T> {
    pub(crate) command: Command,
    pub(crate) reply: Reply<T>,
}

/// The server's answer to a command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer<T> {
    Done(T),
    Failed {
        error: CommandError,
        retry: bool,
        /// The pause that the server asks for.
        retry_after: Option<Duration>,
    },
    /// The server does not accept the credential.
    Refused(CommandError),
}

/// A command that has failed and that no caller waits for: an earlier process has submitted it, or its caller has gone.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedCommand {
    /// The type of the command, such as `session-start`.
    pub kind: String,
    /// What it should have done.
    pub payload: Value,
    /// Why it has failed.
    pub error: CommandError,
}

/// How a command has ended.
pub(crate) struct Outcome<T> {
    pub(crate) command: Command,
    pub(crate) reply: Option<Reply<T>>,
    pub(crate) result: Result<T, CommandError>,
}

impl<T> Outcome<T> {
    /// Tells the outcome to its caller. Returns a failure that no caller has received.
    pub(crate) fn deliver(self) -> Option<FailedCommand> {
        let undelivered = match self.reply {
            Some(reply) => reply.send(self.result).err()?,
            None => self.result,
        };
        // A command that waits in its file has not failed.
        let error = undelivered.err().filter(|error| *error != CommandError::Stored)?;
        Some(FailedCommand { kind: self.command.kind, payload: self.command.payload, error })
    }
}

/// A command without an answer in a file. Times are those of the machine, in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoredCommand {
    #[serde(flatten)]
    pub(crate) command: Command,
    pub(crate) created_at: i64,
    pub(crate) first_sent_at: Option<i64>,
}

/// An event whose age counts: it happened at an instant, or in an earlier process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    since: Instant,
    /// The age at `since`.
    earlier: Duration,
}

impl Moment {
    pub(crate) fn at(now: Instant) -> Self {
        Self { since: now, earlier: Duration::ZERO }
    }

    /// Returns an event of an earlier process.
    pub(crate) fn stored(unix_ms: i64, now: Instant, unix_now: i64) -> Self {
        let age_ms = unix_now.saturating_sub(unix_ms);
        if age_ms < -SET_BACK_MAX_MS {
            return Self::forgotten(now);
        }
        Self { since: now, earlier: Duration::from_millis(age_ms.max(0).unsigned_abs()) }
    }

    /// Returns an event that is too long ago for anything.
    pub(crate) fn forgotten(now: Instant) -> Self {
        Self { since: now, earlier: Duration::MAX }
    }

    pub(crate) fn age(self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since).saturating_add(self.earlier)
    }

    pub(crate) fn unix_ms(self, now: Instant, unix_now: i64) -> i64 {
        unix_now.saturating_sub(self.age(now).as_millis().try_into().unwrap_or(i64::MAX))
    }
}
