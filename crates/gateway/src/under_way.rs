//! What a connection has sent on and waits for. No other message is read before it is answered: that is what holds
//! a flooding client back.

use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinHandle};

/// Something that was asked, and the task that sees to it. A task of its own: a client that leaves must not tear
/// a command in two.
pub(crate) struct UnderWay<A, R> {
    asked: A,
    since: Instant,
    task: JoinHandle<R>,
}

/// What became of it.
pub(crate) struct Finished<A, R> {
    pub(crate) asked: A,
    pub(crate) took: Duration,
    pub(crate) result: Result<R, JoinError>,
}

impl<A, R: Send + 'static> UnderWay<A, R> {
    pub(crate) fn begin(asked: A, task: impl Future<Output = R> + Send + 'static) -> Self {
        Self { asked, since: Instant::now(), task: tokio::spawn(task) }
    }
}

/// Waits for what is under way; for ever if nothing is. Cancel-safe.
pub(crate) async fn finished<A, R>(under_way: &mut Option<Box<UnderWay<A, R>>>) -> Finished<A, R> {
    let result = match under_way {
        Some(waiting) => (&mut waiting.task).await,
        None => std::future::pending().await,
    };
    if let Err(error) = &result {
        tracing::error!(%error, "a command panicked");
    }
    match under_way.take() {
        Some(done) => Finished { asked: done.asked, took: done.since.elapsed(), result },
        None => std::future::pending().await,
    }
}
