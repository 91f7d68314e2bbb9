//! Holds commands until the server answers them. Sends one at a time, in the order of submission, so that a repeated
//! pause never overtakes the resume that follows it. A command keeps its id in all attempts, and the server carries out
//! each id of a client once, on whichever connection the client repeats it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::backoff::{Backoff, Random};
use crate::error::{CommandError, ErrorCode, RefusedError};

/// More commands than a program submits on purpose while offline.
const WAITING_MAX: usize = 256;

/// The server's own limit; it would close the connection over a larger message.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// The server fails a command after 5 s and reports it; a longer silence means that the answer was lost.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The server remembers an id for 5 minutes. An older command could be carried out twice.
const RESEND_WINDOW: Duration = Duration::from_mins(4);

/// Nobody expects a timer to start by a command of the day before.
const QUEUED_MAX: Duration = Duration::from_hours(24);

const ATTEMPTS_MAX: u32 = 5;

const RETRY: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(8) };

/// Where the outcome of a command is awaited.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, CommandError>>;

/// A command that is to be sent.
#[derive(Debug)]
pub(crate) struct Submission<T> {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) reply: Reply<T>,
}

/// The server's answer to a command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer<T> {
    Done(T),
    Failed { code: ErrorCode, message: String, retry: bool },
}

/// See the module.
pub(crate) struct Outbox<T> {
    entries: VecDeque<Entry<T>>,
    is_online: bool,
    /// What happens next to the first command, while it is in flight or pauses.
    next: Option<(Step, Instant)>,
    random: Random,
}

struct Entry<T> {
    submission: Submission<T>,
    created_at: Instant,
    first_sent_at: Option<Instant>,
    attempts: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The command is in flight, and its answer is due.
    Timeout,
    /// The command is sent again.
    Resend,
}

impl<T> Outbox<T> {
    pub(crate) fn new(random: Random) -> Self {
        Self { entries: VecDeque::new(), is_online: false, next: None, random }
    }

    /// The number of commands without an answer.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.next.map(|(_, at)| at)
    }

    /// Queues a command.
    pub(crate) fn submit(&mut self, submission: Submission<T>, now: Instant, send: impl FnMut(&str) -> bool) {
        let rejected = if self.entries.len() >= WAITING_MAX {
            Some(CommandError::QueueFull)
        } else if submission.text.len() > MESSAGE_BYTES_MAX {
            Some(CommandError::TooLarge)
        } else {
            None
        };
        if let Some(error) = rejected {
            return resolve(submission.reply, Err(error));
        }
        self.entries.push_back(Entry { submission, created_at: now, first_sent_at: None, attempts: 0 });
        self.send_next(now, send);
    }

    /// Processes that a link can carry commands now. A command that was in flight is repeated.
    pub(crate) fn go_online(&mut self, now: Instant, send: impl FnMut(&str) -> bool) {
        (self.is_online, self.next) = (true, None);
        self.send_next(now, send);
    }

    pub(crate) fn go_offline(&mut self) {
        (self.is_online, self.next) = (false, None);
    }

    /// Processes an answer. An answer to any command but the first is a repetition and is ignored.
    pub(crate) fn settle(&mut self, id: &str, answer: Answer<T>, now: Instant, send: impl FnMut(&str) -> bool) {
        if self.entries.front().is_none_or(|first| first.submission.id != id) {
            return;
        }
        match answer {
            Answer::Done(value) => self.finish(Ok(value), now, send),
            Answer::Failed { code, message, retry: true } => {
                self.retry_later(CommandError::Rejected { code, message }, now, send);
            }
            Answer::Failed { code, message, retry: false } => {
                self.finish(Err(CommandError::Rejected { code, message }), now, send);
            }
        }
    }

    /// Fails the command that is in flight, if there is one, because the server does not accept its size.
    pub(crate) fn fail_too_large(&mut self) {
        if matches!(self.next, Some((Step::Timeout, _)))
            && let Some(entry) = self.entries.pop_front()
        {
            self.next = None;
            resolve(entry.submission.reply, Err(CommandError::TooLarge));
        }
    }

    /// Fails all commands: the server refuses the client, or the client was closed.
    pub(crate) fn fail_all(&mut self, refused: Option<&RefusedError>) {
        self.next = None;
        for entry in self.entries.drain(..) {
            let error = match (entry.first_sent_at, refused) {
                (Some(_), _) => CommandError::OutcomeUnknown,
                (None, Some(refused)) => CommandError::Refused(refused.clone()),
                (None, None) => CommandError::Closed,
            };
            resolve(entry.submission.reply, Err(error));
        }
    }

    /// Does what is due. Returns true if a command has no answer: the caller gives the link up if it is silent.
    pub(crate) fn handle_deadline(&mut self, now: Instant, send: impl FnMut(&str) -> bool) -> bool {
        match self.next.filter(|(_, at)| *at <= now) {
            None => false,
            Some((Step::Timeout, _)) => {
                self.retry_later(CommandError::NoAnswer, now, send);
                true
            }
            Some((Step::Resend, _)) => {
                self.next = None;
                self.send_next(now, send);
                false
            }
        }
    }

    fn send_next(&mut self, now: Instant, mut send: impl FnMut(&str) -> bool) {
        if !self.is_online || self.next.is_some() {
            return;
        }
        while let Some(first) = self.entries.front_mut() {
            let age = |since: Instant| now.saturating_duration_since(since);
            let error = match first.first_sent_at {
                Some(sent_at) if age(sent_at) > RESEND_WINDOW => CommandError::OutcomeUnknown,
                None if age(first.created_at) > QUEUED_MAX => CommandError::Expired,
                // Its caller has gone before it was sent.
                None if first.submission.reply.is_closed() => CommandError::Closed,
                Some(_) | None => {
                    self.next = Some(if send(&first.submission.text) {
                        first.first_sent_at.get_or_insert(now);
                        (Step::Timeout, now + RESPONSE_TIMEOUT)
                    } else {
                        // The link has ended, or has too much to write.
                        (Step::Resend, now + RETRY.base)
                    });
                    return;
                }
            };
            if let Some(entry) = self.entries.pop_front() {
                resolve(entry.submission.reply, Err(error));
            }
        }
    }

    fn retry_later(&mut self, error: CommandError, now: Instant, send: impl FnMut(&str) -> bool) {
        let Some(first) = self.entries.front_mut() else { return };
        first.attempts += 1;
        if first.attempts >= ATTEMPTS_MAX {
            return self.finish(Err(error), now, send);
        }
        let pause = RETRY.delay(first.attempts, &mut self.random);
        self.next = Some((Step::Resend, now + pause));
    }

    fn finish(&mut self, result: Result<T, CommandError>, now: Instant, send: impl FnMut(&str) -> bool) {
        self.next = None;
        if let Some(entry) = self.entries.pop_front() {
            resolve(entry.submission.reply, result);
        }
        self.send_next(now, send);
    }
}

/// The caller may have gone.
fn resolve<T>(reply: Reply<T>, result: Result<T, CommandError>) {
    reply.send(result).ok();
}

#[cfg(test)]
mod tests;
