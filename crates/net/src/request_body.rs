//! Reads a request body into memory, within limits.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::http_error::{error, unavailable};
use crate::limits::{NetLimit, NetObserver};

/// Most large bodies that are read at once: 256 MiB with bodies of at most 8 MiB.
static LARGE_BODIES: Semaphore = Semaphore::const_new(32);

/// A body that may be larger needs a permit of [`LARGE_BODIES`]. The others are bounded by the number of connections.
const LARGE_BYTES: usize = 1024 * 1024;

/// Limits of one request body.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// Size of the largest body.
    pub max_bytes: usize,
    /// Time within which the whole body must arrive.
    pub timeout: Duration,
    /// The limit to report for a body that is too large; `None` if the caller reports it.
    pub too_large: Option<NetLimit>,
}

/// Reads a whole body.
///
/// # Errors
/// The answer to send: 413, 408, 400, or 503 if too many large bodies are being read.
pub async fn read_body(body: Body, limits: BodyLimits, observer: &dyn NetObserver) -> Result<Bytes, Response> {
    let BodyLimits { max_bytes, timeout: within, too_large } = limits;
    let permit = (max_bytes > LARGE_BYTES).then(|| LARGE_BODIES.try_acquire());
    if let Some(Err(_)) = permit {
        observer.refused(NetLimit::Bodies);
        return Err(unavailable("too many large requests are being read; try again"));
    }
    match timeout(within, Limited::new(body, max_bytes).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(failure)) if failure.is::<LengthLimitError>() => {
            too_large.into_iter().for_each(|limit| observer.refused(limit));
            let message = format!("the body is at most {max_bytes} bytes");
            Err(error(StatusCode::PAYLOAD_TOO_LARGE, "Payload too large", &message))
        }
        Ok(Err(failure)) => Err(error(StatusCode::BAD_REQUEST, "Bad request", &format!("the body: {failure}"))),
        Err(_) => {
            observer.refused(NetLimit::Time);
            let message = format!("the body did not arrive within {within:?}");
            Err(error(StatusCode::REQUEST_TIMEOUT, "Request timeout", &message))
        }
    }
}
