//! The console and the page of the cluster, embedded in the binary. In a debug build they are read from the tree.

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::http::error::not_found;

/// What a page of the console may load and connect to: its own origin. No page may embed it, because a click on a hidden
/// frame would act for the visitor.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The files of the public port.
#[derive(RustEmbed)]
#[folder = "../../console"]
#[exclude = "cluster/*"]
#[exclude = "test/*"]
#[exclude = "*.md"]
struct ConsoleFiles;

/// The files of the internal port: the page of the cluster, and the modules and styles that it shares with the console.
#[derive(RustEmbed)]
#[folder = "../../console"]
#[exclude = "app.js"]
#[exclude = "index.html"]
#[exclude = "lib/*"]
#[exclude = "test/*"]
#[exclude = "*.md"]
struct ClusterFiles;

/// Serves a file of the console, or says that there is none.
pub(crate) async fn serve(request: Request) -> Response {
    serve_file::<ConsoleFiles>(request).await
}

/// Serves a file of the page of the cluster, or says that there is none.
pub(crate) async fn serve_cluster_page(request: Request) -> Response {
    serve_file::<ClusterFiles>(request).await
}

async fn serve_file<F: RustEmbed>(request: Request) -> Response {
    let is_read = *request.method() == Method::GET || *request.method() == Method::HEAD;
    let path = request.uri().path().trim_start_matches('/');
    let is_folder = path.is_empty() || path.ends_with('/');
    let name = if is_folder { format!("{path}index.html") } else { path.to_owned() };
    match F::get(&name).filter(|_| is_read) {
        Some(file) => found(&name, file, request.headers().get(header::IF_NONE_MATCH)),
        None => not_found(request.method().clone(), request.uri().clone()).await,
    }
}

fn found(name: &str, file: EmbeddedFile, known: Option<&HeaderValue>) -> Response {
    let hash: String = file.metadata.sha256_hash()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{hash}\"");
    // The files have no versions in their names, so a browser asks again and is told that nothing changed.
    let caching = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, "no-cache".to_owned())];
    if known.and_then(|known| known.to_str().ok()).is_some_and(|known| names(known, &tag)) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    let content = [
        (header::CONTENT_TYPE, content_type(name)),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    ];
    (caching, content, file.data).into_response()
}

/// Tells whether an `If-None-Match` names a tag; a proxy may have made it weak.
fn names(known: &str, tag: &str) -> bool {
    known.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some(_) | None => "application/octet-stream",
    }
}
