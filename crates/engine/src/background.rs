//! The node's own tasks: they end when it is stopped, and it waits for them.

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Where a node's tasks run.
#[derive(Clone, Default)]
pub(crate) struct Background {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Background {
    /// Runs a task until it ends or the node is stopped.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(self.stop.clone().run_until_cancelled_owned(task));
    }

    /// Stops all tasks and waits for them.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
