//! What a connection has sent on and waits for. No other message is read before it is answered: that is what holds
//! a flooding client back.

use tokio::task::{JoinError, JoinHandle};
use tracing::{Instrument, Span};

/// Something that was asked, and the task that sees to it. A task of its own: a client that leaves must not tear
/// a command in two.
pub(crate) struct UnderWay<A, R> {
    asked: A,
    task: JoinHandle<R>,
    span: Span,
}

/// What became of it.
pub(crate) struct Finished<A, R> {
    pub(crate) asked: A,
    /// What it is traced by; it ends when this is dropped.
    pub(crate) span: Span,
    pub(crate) result: Result<R, JoinError>,
}

impl<A, R: Send + 'static> UnderWay<A, R> {
    pub(crate) fn begin(asked: A, span: Span, task: impl Future<Output = R> + Send + 'static) -> Self {
        Self { asked, task: tokio::spawn(task.instrument(span.clone())), span }
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
        Some(done) => Finished { asked: done.asked, span: done.span, result },
        None => std::future::pending().await,
    }
}
