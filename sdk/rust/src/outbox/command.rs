//! A command, how it is stored, and how it ends.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::error::CommandError;
use crate::server_clock::machine_time;

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

/// The present, by both clocks of the machine: the monotonic one stops while the machine sleeps, and the date can be set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Present {
    pub(crate) instant: Instant,
    /// In milliseconds since 1970.
    pub(crate) date: i64,
}

impl Present {
    /// Returns the present at an instant of now.
    pub(crate) fn at(instant: Instant) -> Self {
        Self { instant, date: machine_time() }
    }
}

/// An event whose age counts: it happened at an instant, or in an earlier process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// When it happened, or when its date was read from a file.
    since: Instant,
    /// The date of the machine when it happened; `None` if it is too long ago for anything.
    date: Option<i64>,
}

impl Moment {
    pub(crate) fn at(now: Present) -> Self {
        Self { since: now.instant, date: Some(now.date) }
    }

    /// Returns an event of an earlier process. After the date was set back, it has just happened.
    pub(crate) fn stored(date: i64, now: Present) -> Self {
        Self { since: now.instant, date: Some(date) }
    }

    /// Returns the first attempt of a command of an earlier process. After the date was set back, nothing tells how long
    /// ago that was.
    pub(crate) fn stored_attempt(date: i64, now: Present) -> Self {
        if date.saturating_sub(now.date) > SET_BACK_MAX_MS { Self::forgotten(now) } else { Self::stored(date, now) }
    }

    /// Returns an event that is too long ago for anything.
    pub(crate) fn forgotten(now: Present) -> Self {
        Self { since: now.instant, date: None }
    }

    /// Returns the longer of the ages by the two clocks.
    pub(crate) fn age(self, now: Present) -> Duration {
        let Some(date) = self.date else { return Duration::MAX };
        let by_date = Duration::from_millis(now.date.saturating_sub(date).max(0).unsigned_abs());
        now.instant.saturating_duration_since(self.since).max(by_date)
    }

    /// Returns the date of the event, as it is stored.
    pub(crate) fn stored_date(self) -> i64 {
        self.date.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn the_clock_that_has_advanced_more_tells_the_age() {
        let start = Present { instant: Instant::now(), date: 1_000_000 };
        let later = |by: Duration, date| Present { instant: start.instant + by, date };
        let moment = Moment::at(start);
        assert_eq!(moment.age(later(S * 5, 1_005_000)), S * 5);
        assert_eq!(moment.age(later(S * 5, 1_305_000)), S * 305, "the machine has slept");
        assert_eq!(moment.age(later(S * 5, 0)), S * 5, "the date was set back");
        let stored = |date| (Moment::stored(date, start).age(start), Moment::stored_attempt(date, start).age(start));
        assert_eq!(stored(990_000), (S * 10, S * 10));
        assert_eq!(stored(1_060_000), (Duration::ZERO, Duration::ZERO));
        assert_eq!(stored(1_060_001), (Duration::ZERO, Duration::MAX), "what was sent then may be forgotten");
    }
}
