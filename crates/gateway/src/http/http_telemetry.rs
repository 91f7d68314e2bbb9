//! Measures every HTTP request and traces some, by the semantic conventions of OpenTelemetry for HTTP.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use engine::TraceParent;
use engine::telemetry::ROOT;
use tracing::Instrument;
use tracing::field::Empty;

use crate::node::Node;

/// Measures a request, and traces it if it is sampled or the client asks for it.
pub(super) async fn measure(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    let (since, method) = (Instant::now(), method(request.method()));
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("", MatchedPath::as_str);
    let span = node.traces.begin(traceparent(request.headers()).as_ref(), 1, || {
        tracing::info_span!(
            target: ROOT,
            "request",
            otel.name = format!("{method} {route}").trim_end(),
            otel.kind = "server",
            otel.status_code = Empty,
            http.request.method = method,
            http.route = route,
            http.response.status_code = Empty,
            url.scheme = if node.settings.public.tls.is_some() { "https" } else { "http" },
        )
    });
    let answer = next.run(request).instrument(span.clone()).await;
    let status = answer.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    node.metrics.request_answered(since.elapsed(), method, route, status.as_u16());
    answer
}

/// Returns the span that a request belongs to, as the client claims.
pub(crate) fn traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    headers.get("traceparent")?.to_str().ok()?.parse().ok()
}

/// Names a method; all unknown methods share one name.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}
