//! Supervision of the gateway's own long-lived tasks. The engine supervises its tasks itself.

use std::future::pending;

use tokio::task::{JoinError, JoinSet};
use tokio_util::task::AbortOnDropHandle;

/// Tasks that must not end while the node serves. Dropping this aborts them.
#[derive(Default)]
pub(crate) struct CriticalTasks(JoinSet<(&'static str, Result<(), JoinError>)>);

impl CriticalTasks {
    /// Runs a task that never ends by itself.
    pub(crate) fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        // A task within a task, so that the name of one that panics is known.
        let task = AbortOnDropHandle::new(tokio::spawn(task));
        self.0.spawn(async move { (name, task.await) });
    }

    /// Waits until one of the tasks has ended or panicked, and describes its failure. Cancel-safe.
    pub(crate) async fn failed(&mut self) -> String {
        match self.0.join_next().await {
            Some(Ok((name, result))) => task_failure(name, result),
            Some(Err(error)) => task_failure("a supervised task", Err(error)),
            None => pending().await,
        }
    }
}

/// Describes the end of a task that must not end.
pub(crate) fn task_failure(name: &str, result: Result<(), JoinError>) -> String {
    match result {
        Ok(()) => format!("task {name:?} has ended"),
        Err(error) => format!("task {name:?} has failed: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_or_ends_is_reported_by_its_name() {
        let mut tasks = CriticalTasks::default();
        tasks.spawn("healthy", pending());
        tasks.spawn("broken", async { panic!("injected") });
        let failure = tasks.failed().await;
        assert!(failure.contains("\"broken\"") && failure.contains("injected"), "{failure}");
        tasks.spawn("short", async {});
        assert_eq!(tasks.failed().await, "task \"short\" has ended");
    }
}
