//! The tasks of a node: they end when the node is stopped, which waits for them.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The failure of a task that must run as long as its node: it has panicked, or has ended before the node was stopped.
/// Without the task the node is useless, so its process should exit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskFailure {
    /// The task's name.
    pub task: &'static str,
    /// The message of the panic, or that the task ended.
    pub cause: String,
}

impl fmt::Display for TaskFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the task {:?} of this node failed: {}", self.task, self.cause)
    }
}

/// The tasks of a node.
#[derive(Clone, Default)]
pub(crate) struct Background {
    stop: CancellationToken,
    tasks: TaskTracker,
    failure: Arc<watch::Sender<Option<TaskFailure>>>,
}

impl Background {
    /// Runs a task until it ends or the node is stopped.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(self.stop.clone().run_until_cancelled_owned(task));
    }

    /// Runs a task until the node is stopped. If the task panics, or ends before, that is recorded as a failure.
    pub(crate) fn spawn_supervised(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let background = self.clone();
        self.spawn(async move {
            let cause = match run_to_panic(task).await {
                Ok(()) => "it ended before the node was stopped".to_owned(),
                Err(panic) => format!("it panicked: {}", message_of(&*panic)),
            };
            background.record(TaskFailure { task: name, cause });
        });
    }

    /// Waits for the first failure of a supervised task. Never resolves if there is none.
    pub(crate) fn failed(&self) -> impl Future<Output = TaskFailure> + Send + use<> {
        let mut failure = self.failure.subscribe();
        async move {
            if let Ok(failure) = failure.wait_for(Option::is_some).await
                && let Some(failure) = failure.clone()
            {
                return failure;
            }
            // The node is gone.
            std::future::pending().await
        }
    }

    /// Stops all tasks and waits for them.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Records and logs a failure, unless it follows another one or the node's stop.
    fn record(&self, failure: TaskFailure) {
        if self.stop.is_cancelled() {
            return;
        }
        self.failure.send_if_modified(|first| {
            let is_first = first.is_none();
            if is_first {
                tracing::error!(task = failure.task, cause = failure.cause, "a task of this node failed");
                *first = Some(failure);
            }
            is_first
        });
    }
}

/// Runs a task; returns its panic if it panics.
async fn run_to_panic(task: impl Future<Output = ()>) -> Result<(), Box<dyn Any + Send>> {
    let mut task = pin!(task);
    std::future::poll_fn(move |context| {
        // A task that has panicked is never polled again, so nobody sees a state that it left half-changed.
        match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => Poll::Ready(Ok(())),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
