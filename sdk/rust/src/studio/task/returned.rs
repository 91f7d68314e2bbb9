//! What a client does with the answers to its calls.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::error::HttpError;
use crate::outbox::{Answer, Command};
use crate::studio::calls::{StudioCalls, Written};
use crate::studio::client::StudioEvent;
use crate::studio::protocol::{EntryList, TaskType};
use crate::studio::task::StudioTask;

/// What a request has returned.
pub(super) enum StudioAnswer {
    Answer(String, Answer<Written>),
    Loaded { task_types: Result<Vec<Arc<TaskType>>, HttpError>, entries: Result<EntryList, HttpError> },
}

impl StudioTask {
    pub(super) fn handle_returned(&mut self, returned: StudioAnswer, now: Instant) {
        match returned {
            StudioAnswer::Answer(id, answer) => {
                if let Answer::Done(written) = &answer {
                    self.apply_written(written, now);
                }
                self.outbox.settle(&id, answer, now);
            }
            StudioAnswer::Loaded { task_types, entries } => self.handle_loaded(task_types, entries, now),
        }
    }

    /// Displays what a command has written. No event tells of a changed type.
    fn apply_written(&mut self, written: &Written, now: Instant) {
        match written {
            Written::Entry(entry) => {
                let task_type = self.task_types.iter().find(|task_type| task_type.id == entry.task_type_id).cloned();
                self.model.put_entry(entry, task_type);
            }
            Written::TaskType(written) => {
                let types = Arc::make_mut(&mut self.task_types);
                types.retain(|task_type| task_type.id != written.id);
                types.push(Arc::new(written.clone()));
                types.sort_by_key(|task_type| (task_type.sort_order, task_type.id));
                self.reload(now);
            }
        }
    }

    fn handle_loaded(
        &mut self,
        task_types: Result<Vec<Arc<TaskType>>, HttpError>,
        entries: Result<EntryList, HttpError>,
        now: Instant,
    ) {
        let mut failure = None;
        match task_types {
            Ok(task_types) => self.task_types = Arc::new(task_types),
            Err(error) => failure = Some(error),
        }
        match entries {
            Ok(list) => self.model.put_all(&list.entries, &self.asked),
            Err(error) => failure = failure.or(Some(error)),
        }
        if let Some(error) = failure.as_ref().filter(|error| Some(*error) != self.load_error.as_ref()) {
            self.channels.notify(StudioEvent::Load(error.clone()));
        }
        let (is_loaded, is_online) = (failure.is_none(), self.core.connection.is_online());
        self.load_error = failure;
        self.is_loaded |= is_loaded;
        self.is_current = is_online && (self.is_current || is_loaded);
        self.reloader.finish(is_loaded, is_online, now);
    }
}

pub(super) async fn call(calls: Arc<StudioCalls>, command: Command, returns: mpsc::Sender<StudioAnswer>) {
    let answer = calls.mutate(&command).await;
    // The client may have gone.
    returns.send(StudioAnswer::Answer(command.id, answer)).await.ok();
}

pub(super) async fn load(calls: Arc<StudioCalls>, returns: mpsc::Sender<StudioAnswer>) {
    let (all, running) = (json!({ "includeInactive": true }), json!({ "isRunning": true }));
    let (task_types, entries) = tokio::join!(
        calls.query("timeTracking.taskTypes.list", &all),
        calls.query("timeTracking.timeEntries.list", &running),
    );
    // The client may have gone.
    returns.send(StudioAnswer::Loaded { task_types, entries }).await.ok();
}
