//! Holds commands until the server answers them. Sends one at a time, in the order of submission, so that a repeated
//! pause never overtakes the resume that follows it. A command keeps its id in all attempts, and the server carries out
//! each id of a client once, on whichever connection the client repeats it.

mod command;
mod file;
mod queue;

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

pub use command::FailedCommand;
pub(crate) use command::{Answer, Command, Outcome, Present, Reply, StoredCommand, Submission};
pub use file::OutboxError;
pub(crate) use file::{FileOwner, OpenedOutbox, OutboxFile};
pub(crate) use queue::CommandQueue;

use crate::backoff::{Backoff, Random};
use crate::error::{CommandError, RefusedError};
use crate::outbox::command::Moment;

/// More commands than a program submits on purpose while offline.
const WAITING_MAX: usize = 256;

/// The server's own limit; it would close the connection over a larger message.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

const RETRY: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(8) };

/// The pause after a request whose credential was not accepted: the application has to renew it first.
const LOGIN_PAUSE: Duration = Duration::from_secs(30);

/// What the contract of a system allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutboxLimits {
    /// How long a command may be repeated after it was sent first.
    pub(crate) resend_window: Duration,
    /// How long a command may wait before it is sent first.
    pub(crate) queued_max: Duration,
    /// How often a command without success is sent, unless it is stored; `None` for as often as the other limits permit.
    pub(crate) attempts_max: Option<u32>,
    /// The silence after which a command counts as unanswered.
    pub(crate) response_timeout: Duration,
}

/// See the module. Outcomes are told when the caller takes them, so that it can store and publish the new state before.
pub(crate) struct Outbox<T> {
    limits: OutboxLimits,
    entries: VecDeque<Entry<T>>,
    outcomes: Vec<Outcome<T>>,
    is_online: bool,
    /// Whether commands are stored, so that they survive the client and its callers.
    is_durable: bool,
    /// Whether the stored commands differ from the entries.
    is_changed: bool,
    /// Whether the first command is to be sent now; its entry says so already.
    prepared: Option<Prepared>,
    /// What happens next to the first command, while it is in flight or pauses.
    next: Option<(Step, Instant)>,
    random: Random,
}

struct Entry<T> {
    command: Command,
    reply: Option<Reply<T>>,
    created: Moment,
    first_sent: Option<Moment>,
    attempts: u32,
    /// Whether it has not been sent again since `first_sent`.
    is_first_attempt: bool,
    is_stored: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Prepared {
    is_first_attempt: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The command is in flight, and its answer is due.
    Timeout,
    /// The command is sent again.
    Resend,
}

impl<T> Outbox<T> {
    pub(crate) fn new(limits: OutboxLimits, is_durable: bool, random: Random) -> Self {
        Self {
            limits,
            entries: VecDeque::new(),
            outcomes: Vec::new(),
            is_online: false,
            is_durable,
            is_changed: false,
            prepared: None,
            next: None,
            random,
        }
    }

    /// The number of commands without an answer.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the commands without an answer, oldest first.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &Command> + Clone {
        self.entries.iter().map(|entry| &entry.command)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.next.map(|(_, at)| at)
    }

    /// Takes over the commands of an earlier process. Those that it has sent as another client are not repeated.
    pub(crate) fn adopt(&mut self, stored: Vec<StoredCommand>, is_same_client: bool, now: Present) {
        let sent = |at| if is_same_client { Moment::stored_attempt(at, now) } else { Moment::forgotten(now) };
        self.entries.extend(stored.into_iter().map(|stored| Entry {
            command: stored.command,
            reply: None,
            created: Moment::stored(stored.created_at, now),
            first_sent: stored.first_sent_at.map(sent),
            attempts: 0,
            is_first_attempt: false,
            is_stored: true,
        }));
    }

    /// Queues a command.
    pub(crate) fn submit(&mut self, submission: Submission<T>, now: Present) {
        let Submission { command, reply } = submission;
        let rejected = if self.entries.len() >= WAITING_MAX {
            Some(CommandError::QueueFull)
        } else if command.message().len() > MESSAGE_BYTES_MAX {
            Some(CommandError::TooLarge)
        } else {
            None
        };
        if let Some(error) = rejected {
            return self.outcomes.push(Outcome { command, reply: Some(reply), result: Err(error) });
        }
        let created = Moment::at(now);
        let reply = Some(reply);
        self.entries.push_back(Entry {
            command,
            reply,
            created,
            first_sent: None,
            attempts: 0,
            is_first_attempt: false,
            is_stored: false,
        });
        self.is_changed = true;
    }

    /// Processes that commands can be sent now. A command that was in flight is repeated.
    pub(crate) fn go_online(&mut self) {
        (self.is_online, self.next) = (true, None);
    }

    pub(crate) fn go_offline(&mut self) {
        (self.is_online, self.next) = (false, None);
    }

    /// Processes an answer. An answer to any command but the first is a repetition and is ignored.
    pub(crate) fn settle(&mut self, id: &str, answer: Answer<T>, now: Instant) {
        if self.entries.front().is_none_or(|first| first.command.id != id || first.first_sent.is_none()) {
            return;
        }
        match answer {
            Answer::Done(value) => self.finish(Ok(value)),
            Answer::Failed { error, retry: true, retry_after } => {
                self.retry_later(error, retry_after.unwrap_or_default(), now);
            }
            Answer::Failed { error, retry: false, .. } => self.finish(Err(error)),
            Answer::Refused(_) if self.is_durable => {
                self.forget_attempt();
                self.tell_stored();
                self.next = Some((Step::Resend, now + LOGIN_PAUSE));
            }
            Answer::Refused(error) => self.finish(Err(error)),
        }
    }

    /// Fails the command that is in flight, if there is one, because the server does not accept its size.
    pub(crate) fn fail_too_large(&mut self) {
        if matches!(self.next, Some((Step::Timeout, _))) {
            self.finish(Err(CommandError::TooLarge));
        }
    }

    /// Fails all commands, because the server refuses the client, or the client was closed. Stored ones stay: their
    /// callers learn that they are sent later.
    pub(crate) fn fail_all(&mut self, refused: Option<&RefusedError>) {
        (self.next, self.prepared) = (None, None);
        if self.is_durable {
            return self.tell_stored();
        }
        for entry in self.entries.drain(..) {
            let error = match (entry.first_sent, refused) {
                (Some(_), _) => CommandError::OutcomeUnknown,
                (None, Some(refused)) => CommandError::Refused(refused.clone()),
                (None, None) => CommandError::Closed,
            };
            self.outcomes.push(Outcome { command: entry.command, reply: entry.reply, result: Err(error) });
        }
    }

    /// Does what is due. Returns true if a command has no answer: the caller gives the link up if it is silent.
    pub(crate) fn handle_deadline(&mut self, now: Instant) -> bool {
        match self.next.filter(|(_, at)| *at <= now) {
            None => false,
            Some((Step::Timeout, _)) => {
                self.retry_later(CommandError::NoAnswer, Duration::ZERO, now);
                true
            }
            Some((Step::Resend, _)) => {
                self.next = None;
                false
            }
        }
    }

    /// Tells the callers that their commands stay, and are sent later.
    fn tell_stored(&mut self) {
        for entry in &mut self.entries {
            if let Some(reply) = entry.reply.take() {
                let (command, result) = (entry.command.clone(), Err(CommandError::Stored));
                self.outcomes.push(Outcome { command, reply: Some(reply), result });
            }
        }
    }

    /// Marks the command that is to be sent now, and ends those that are too old.
    fn prepare(&mut self, now: Present) {
        if !self.is_online || self.next.is_some() {
            return;
        }
        while let Some(first) = self.entries.front_mut() {
            let has_no_caller = !self.is_durable && first.reply.as_ref().is_some_and(Reply::is_closed);
            let error = match first.first_sent {
                Some(sent) if sent.age(now) > self.limits.resend_window => CommandError::OutcomeUnknown,
                None if first.created.age(now) > self.limits.queued_max => CommandError::Expired,
                // Its caller has gone before it was sent.
                None if has_no_caller => CommandError::Closed,
                Some(_) | None => {
                    let is_first_attempt = first.first_sent.is_none();
                    first.is_first_attempt = is_first_attempt;
                    first.first_sent.get_or_insert(Moment::at(now));
                    self.is_changed |= is_first_attempt;
                    self.prepared = Some(Prepared { is_first_attempt });
                    return;
                }
            };
            self.finish(Err(error));
        }
    }

    /// Sends the command that was prepared.
    fn send_prepared(&mut self, now: Instant, send: impl FnOnce(&Command) -> bool) {
        let Some(prepared) = self.prepared.take() else { return };
        let Some(first) = self.entries.front() else { return };
        if send(&first.command) {
            self.next = Some((Step::Timeout, now + self.limits.response_timeout));
        } else {
            // The link has ended, or has too much to write.
            self.unprepare(prepared, now);
        }
    }

    fn unprepare(&mut self, prepared: Prepared, now: Instant) {
        if let Some(first) = self.entries.front_mut().filter(|_| prepared.is_first_attempt) {
            first.first_sent = None;
            self.is_changed = true;
        }
        self.next = Some((Step::Resend, now + RETRY.base));
    }

    /// Fails the commands that could not be stored, and sends none that may be stored otherwise.
    fn handle_unsaved(&mut self, error: &OutboxError, now: Instant) {
        if let Some(prepared) = self.prepared.take() {
            self.unprepare(prepared, now);
        }
        for entry in std::mem::take(&mut self.entries) {
            if entry.is_stored {
                self.entries.push_back(entry);
            } else {
                let result = Err(CommandError::NotStored { message: error.to_string() });
                self.outcomes.push(Outcome { command: entry.command, reply: entry.reply, result });
            }
        }
        self.is_changed = true;
    }

    fn handle_saved(&mut self) {
        self.is_changed = false;
        self.entries.iter_mut().for_each(|entry| entry.is_stored = true);
    }

    fn stored(&self) -> Vec<StoredCommand> {
        let stored = |entry: &Entry<T>| StoredCommand {
            command: entry.command.clone(),
            created_at: entry.created.stored_date(),
            first_sent_at: entry.first_sent.map(Moment::stored_date),
        };
        self.entries.iter().map(stored).collect()
    }

    /// Processes that the server has certainly not carried out the last attempt: if it was the only one, the command still
    /// waits to be sent first.
    fn forget_attempt(&mut self) {
        if let Some(first) = self.entries.front_mut().filter(|first| first.is_first_attempt) {
            first.first_sent = None;
            self.is_changed = true;
        }
    }

    fn retry_later(&mut self, error: CommandError, at_least: Duration, now: Instant) {
        if matches!(&error, CommandError::Http(error) if error.is_unsent()) {
            self.forget_attempt();
        }
        let Some(first) = self.entries.front_mut() else { return };
        first.attempts = first.attempts.saturating_add(1);
        // A stored command is repeated for as long as it was promised.
        if !self.is_durable && self.limits.attempts_max.is_some_and(|max| first.attempts >= max) {
            return self.finish(Err(error));
        }
        let pause = RETRY.delay(first.attempts, &mut self.random).saturating_add(at_least);
        self.next = Some((Step::Resend, now + pause));
    }

    fn finish(&mut self, result: Result<T, CommandError>) {
        (self.next, self.prepared) = (None, None);
        if let Some(Entry { command, reply, .. }) = self.entries.pop_front() {
            self.is_changed = true;
            self.outcomes.push(Outcome { command, reply, result });
        }
    }
}

#[cfg(test)]
mod tests;
