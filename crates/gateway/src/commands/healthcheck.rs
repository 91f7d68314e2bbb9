//! `tickcast healthcheck`: asks the internal port of a running node whether it is alive or ready.

mod node_url;

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::{StatusCode, Uri};
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tokio::time::timeout;

use crate::commands::Failure;
use crate::commands::healthcheck::node_url::NodeUrl;
use crate::error_chain::error_chain;
use crate::ops::config::parse;

/// Largest accepted response; a node answers with one sentence.
const RESPONSE_BYTES_MAX: usize = 16 * 1024;

/// Number of characters of an unexpected response that the reason shows: enough to recognise another program.
const SHOWN_CHARS: usize = 200;

/// The options of `tickcast healthcheck`.
#[derive(Args)]
pub(crate) struct HealthcheckCommand {
    /// Asks whether the node accepts clients (`/readyz`) instead of whether it is alive (`/livez`)
    #[arg(long)]
    ready: bool,
    /// The internal port of the node, as http://HOST[:PORT]; by default `internal.listen` of the configuration
    #[arg(long)]
    url: Option<NodeUrl>,
    /// Time limit for the answer
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = time_limit)]
    timeout: Duration,
}

/// The response of `/readyz` of a node that is not ready.
#[derive(Deserialize)]
struct Unready {
    why: String,
}

impl HealthcheckCommand {
    /// Tells whether the configuration names the node.
    pub(crate) fn needs_configuration(&self) -> bool {
        self.url.is_none()
    }

    fn path(&self) -> &'static str {
        if self.ready { "/readyz" } else { "/livez" }
    }
}

/// Asks the node and prints its answer. Fails if the node is not healthy; without `--url` it asks the node that listens
/// at `configured`.
pub(crate) fn run(command: &HealthcheckCommand, configured: Option<SocketAddr>) -> Result<(), Failure> {
    let uri = match (&command.url, configured) {
        (Some(url), _) => url.with_path(command.path()),
        (None, Some(listen)) => node_url::of_listener(listen)?.with_path(command.path()),
        (None, None) => return Err(Failure::usage("--url is required without a configuration")),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::unhealthy(format!("the process cannot start: {error}")))?;
    let answer = runtime.block_on(async { timeout(command.timeout, request(uri.clone())).await });
    // A thread may still wait for the operating system, such as for a name.
    runtime.shutdown_background();
    let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {:?}", command.timeout)));
    let status = answer.map_err(|reason| Failure::unhealthy(format!("{uri}: {reason}")))?;
    println!("{uri}: {status}");
    Ok(())
}

/// Returns the status of a healthy node, or the reason why it is not healthy.
async fn request(uri: Uri) -> Result<StatusCode, String> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let (head, body) = client.get(uri).await.map_err(|error| error_chain(&error))?.into_parts();
    if head.status == StatusCode::OK {
        return Ok(head.status);
    }
    let body = Limited::new(body, RESPONSE_BYTES_MAX).collect().await;
    Err(reason(head.status, &body.map(|body| body.to_bytes()).unwrap_or_default()))
}

fn reason(status: StatusCode, body: &[u8]) -> String {
    if let Ok(Unready { why }) = serde_json::from_slice(body) {
        return format!("{status}: {why}");
    }
    let text: String = String::from_utf8_lossy(body).trim().chars().take(SHOWN_CHARS).collect();
    if text.is_empty() { status.to_string() } else { format!("{status}: {text}") }
}

fn time_limit(text: &str) -> Result<Duration, String> {
    match parse::duration(text)? {
        Duration::ZERO => Err("it must be longer than 0s".to_owned()),
        limit => Ok(limit),
    }
}
