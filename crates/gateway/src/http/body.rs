//! Reading the body of a request into memory, within bounds.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::http::error::{error, unavailable};
use crate::metrics::{Metrics, Refusal};

/// Most large bodies that are read at once, some 256 MiB at the default of `clockit.ingest_bytes`.
static ROOM: Semaphore = Semaphore::const_new(32);

/// Bodies that may be larger need room; of others there are no more than connections.
const LARGE: usize = 1024 * 1024;

/// What a body may be.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) bytes_max: usize,
    pub(crate) within: Duration,
    /// What it counts as if it is larger, unless that is counted elsewhere.
    pub(crate) beyond: Option<Refusal>,
}

/// Reads all of a body, or returns the refusal to answer: 413, 408, 400, or 503 when too many are being read.
pub(crate) async fn read_body(body: Body, bounds: Bounds, metrics: &Metrics) -> Result<Bytes, Response> {
    let Bounds { bytes_max, within, beyond } = bounds;
    let room = (bytes_max > LARGE).then(|| ROOM.try_acquire());
    if let Some(Err(_)) = room {
        metrics.refused(Refusal::Bodies);
        return Err(unavailable("too much is being sent; try again"));
    }
    match timeout(within, Limited::new(body, bytes_max).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(unread)) if unread.is::<LengthLimitError>() => {
            beyond.into_iter().for_each(|beyond| metrics.refused(beyond));
            let message = format!("the body is at most {bytes_max} bytes");
            Err(error(StatusCode::PAYLOAD_TOO_LARGE, "Payload too large", &message))
        }
        Ok(Err(unread)) => Err(error(StatusCode::BAD_REQUEST, "Bad request", &format!("the body: {unread}"))),
        Err(_) => {
            metrics.refused(Refusal::Time);
            let message = format!("the body did not come within {within:?}");
            Err(error(StatusCode::REQUEST_TIMEOUT, "Request timeout", &message))
        }
    }
}
