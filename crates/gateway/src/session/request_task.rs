//! A client's request in progress. A connection reads no other message until the request is answered, which is what holds
//! a flooding client back.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::task::{JoinError, JoinHandle};
use tracing::{Instrument, Span};

/// A request in progress, and the task that carries it out. It is a task of its own, so that a client that leaves does not
/// interrupt a command.
pub(crate) struct RequestTask<A, R> {
    request: A,
    task: JoinHandle<R>,
    span: Span,
}

/// A request that has ended.
pub(crate) struct EndedRequest<A, R> {
    pub(crate) request: A,
    /// The span of the request; it ends when this is dropped.
    pub(crate) span: Span,
    pub(crate) result: Result<R, JoinError>,
}

impl<A, R: Send + 'static> RequestTask<A, R> {
    pub(crate) fn spawn(request: A, span: Span, task: impl Future<Output = R> + Send + 'static) -> Self {
        Self { request, task: tokio::spawn(task.instrument(span.clone())), span }
    }
}

/// Waits for the request in progress; for ever if there is none. Cancel-safe.
pub(crate) async fn ended<A, R>(in_flight: &mut Option<Box<RequestTask<A, R>>>) -> EndedRequest<A, R> {
    poll_fn(|cx| poll_ended(in_flight, cx)).await
}

fn poll_ended<A, R>(in_flight: &mut Option<Box<RequestTask<A, R>>>, cx: &mut Context<'_>) -> Poll<EndedRequest<A, R>> {
    let Some(request) = in_flight else { return Poll::Pending };
    let result = ready!(Pin::new(&mut request.task).poll(cx));
    if let Err(error) = &result {
        tracing::error!(%error, "a request panicked");
    }
    let Some(ended) = in_flight.take() else { return Poll::Pending };
    let RequestTask { request, span, .. } = *ended;
    Poll::Ready(EndedRequest { request, span, result })
}
