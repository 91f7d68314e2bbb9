//! An outbox and the file that keeps its commands. A command is stored before it is sent, and its answer before it is
//! told, so that a process that ends at any instant neither loses a command nor sends it as another one.

use tokio::time::Instant;

use crate::backoff::process_random;
use crate::error::RefusedError;
use crate::outbox::{
    Answer, Command, FailedCommand, OpenedOutbox, Outbox, OutboxError, OutboxFile, OutboxLimits, Outcome, Present,
    Submission,
};

/// See the module.
pub(crate) struct CommandQueue<T> {
    outbox: Outbox<T>,
    file: Option<OutboxFile>,
    /// Whether the last attempt to store has failed.
    has_failed: bool,
}

impl<T> CommandQueue<T> {
    /// Returns a queue in memory.
    pub(crate) fn in_memory(limits: OutboxLimits) -> Self {
        Self { outbox: Outbox::new(limits, false, process_random()), file: None, has_failed: false }
    }

    /// Returns a queue with the commands of a file. Commands that were sent under another client id are not repeated.
    pub(crate) fn of_file(limits: OutboxLimits, opened: OpenedOutbox) -> Self {
        let OpenedOutbox { file, commands, is_same_client } = opened;
        let mut outbox = Outbox::new(limits, true, process_random());
        outbox.adopt(commands, is_same_client, Present::at(Instant::now()));
        Self { outbox, file: Some(file), has_failed: false }
    }

    /// Stores what has changed, and the command that is due as one that is sent. Returns why that failed, once. The client
    /// calls it, and [`Self::send`] after it, when it has called other methods.
    pub(crate) async fn prepare(&mut self, now: Instant) -> Option<OutboxError> {
        self.outbox.prepare(Present::at(now));
        self.store(now).await
    }

    /// Sends the command that is due and stored.
    pub(crate) fn send(&mut self, now: Instant, send: impl FnOnce(&Command) -> bool) {
        self.outbox.send_prepared(now, send);
    }

    /// Tells the outcomes of commands. Returns the failures that no caller has received. The client calls it when it has
    /// published the snapshot.
    pub(crate) fn deliver(&mut self) -> Vec<FailedCommand> {
        self.outbox.outcomes.drain(..).filter_map(Outcome::deliver).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.outbox.len()
    }

    pub(crate) fn commands(&self) -> impl Iterator<Item = &Command> + Clone {
        self.outbox.commands()
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.outbox.deadline()
    }

    pub(crate) fn handle_deadline(&mut self, now: Instant) -> bool {
        self.outbox.handle_deadline(now)
    }

    pub(crate) fn submit(&mut self, submission: Submission<T>, now: Instant) {
        self.outbox.submit(submission, Present::at(now));
    }

    pub(crate) fn go_online(&mut self) {
        self.outbox.go_online();
    }

    pub(crate) fn go_offline(&mut self) {
        self.outbox.go_offline();
    }

    pub(crate) fn settle(&mut self, id: &str, answer: Answer<T>, now: Instant) {
        self.outbox.settle(id, answer, now);
    }

    pub(crate) fn fail_too_large(&mut self) {
        self.outbox.fail_too_large();
    }

    /// Ends the queue with its client. The callers learn what becomes of their commands.
    pub(crate) fn close(&mut self) {
        self.go_offline();
        self.fail_all(None);
    }

    pub(crate) fn fail_all(&mut self, refused: Option<&RefusedError>) {
        self.outbox.fail_all(refused);
    }

    async fn store(&mut self, now: Instant) -> Option<OutboxError> {
        let file = self.file.as_ref().filter(|file| self.outbox.is_changed || file.is_outdated())?;
        match file.save(self.outbox.stored()).await {
            Ok(()) => {
                self.outbox.handle_saved();
                self.has_failed = false;
                None
            }
            Err(error) => {
                self.outbox.handle_unsaved(&error, now);
                let is_new = !std::mem::replace(&mut self.has_failed, true);
                is_new.then_some(error)
            }
        }
    }
}

#[cfg(test)]
mod tests;
