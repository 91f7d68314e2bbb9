//! Reads request bodies, within limits.

mod reservation;
mod stall_allowance;

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Frame;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::http_error::{error, unavailable};
use crate::limits::{NetLimit, NetObserver};
use reservation::{Reservation, TOTAL_KIB};
use stall_allowance::StallAllowance;

/// Bytes of a body that are read without a reservation: a client that announces a large body and sends little holds
/// nothing that others need. The number of connections bounds them.
const UNRESERVED_BYTES: usize = 64 * 1024;

/// A refused body is read up to this many times its limit: a proxy that has buffered the body reads no answer before it
/// has sent all of it, and would answer 502 by itself.
const DISCARD_FACTOR: usize = 2;

/// The memory for large bodies, of the whole process.
static MEMORY_KIB: Semaphore = Semaphore::const_new(TOTAL_KIB);

/// Limits of one request body.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// Size of the largest body.
    pub max_bytes: usize,
    /// Time within which the whole body must arrive.
    pub timeout: Duration,
    /// Whether the body must arrive steadily. A body that is read in parts keeps what it holds until its end.
    pub is_steady: bool,
    /// The limit to report for a body that is too large; `None` if the caller reports it.
    pub too_large: Option<NetLimit>,
}

/// A body that is read part by part.
pub struct BodyReader<'o> {
    body: Body,
    limits: BodyLimits,
    observer: &'o dyn NetObserver,
    received: usize,
    /// How long the client was waited for. The time in which the caller works on a part does not count.
    waited: Duration,
    allowance: StallAllowance,
    reservation: Option<Reservation<'static>>,
}

impl<'o> BodyReader<'o> {
    /// Prepares to read a body.
    pub fn new(body: Body, limits: BodyLimits, observer: &'o dyn NetObserver) -> Self {
        let allowance = StallAllowance::new(body.size_hint().lower(), limits.timeout);
        Self { body, limits, observer, received: 0, waited: Duration::ZERO, allowance, reservation: None }
    }

    /// Returns the next part; `None` at the end. From 64 KiB on, it first waits until the whole body has a share of the
    /// memory for bodies, which it keeps until the reader is dropped.
    ///
    /// # Errors
    /// The answer to send: 413, 408, 400, or 503 if too many large bodies are being read.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Response> {
        let announced = self.body.size_hint().lower().saturating_add(self.received as u64);
        if announced > self.limits.max_bytes as u64 {
            return Err(self.too_large());
        }
        if self.received > UNRESERVED_BYTES && self.reservation.is_none() && !self.body.is_end_stream() {
            self.reserve().await?;
        }
        self.part().await
    }

    /// Reads the rest of the body as a whole.
    ///
    /// # Errors
    /// As [`BodyReader::next`].
    pub async fn read_all(&mut self) -> Result<Bytes, Response> {
        let Some(first) = self.next().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.next().await? else { return Ok(first) };
        let mut bytes = BytesMut::from(first);
        bytes.extend_from_slice(&second);
        while let Some(part) = self.next().await? {
            bytes.extend_from_slice(&part);
        }
        Ok(bytes.freeze())
    }

    /// Returns the number of bytes that were read.
    pub fn received(&self) -> usize {
        self.received
    }

    /// Reads the rest of a body that was refused, so that the client reads the answer: a connection with unread bytes is
    /// reset when it closes.
    pub async fn discard(mut self) {
        self.reservation = None;
        self.limits.max_bytes = self.limits.max_bytes.saturating_mul(DISCARD_FACTOR);
        // The caller has reported the refusal.
        self.limits.too_large = None;
        while let Ok(Some(_)) = self.part().await {}
    }

    async fn part(&mut self) -> Result<Option<Bytes>, Response> {
        loop {
            let Some(frame) = self.frame().await? else { return Ok(None) };
            let Ok(part) = frame.into_data() else { continue };
            self.received += part.len();
            if self.received > self.limits.max_bytes {
                return Err(self.too_large());
            }
            return Ok(Some(part));
        }
    }

    /// Reserves memory for the whole body. A body of unknown size counts as the largest.
    async fn reserve(&mut self) -> Result<(), Response> {
        let rest = self.body.size_hint().exact();
        let bytes = rest.map_or(self.limits.max_bytes as u64, |rest| rest.saturating_add(self.received as u64));
        let Some(reservation) = Reservation::acquire(&MEMORY_KIB, bytes).await else {
            self.observer.refused(NetLimit::Bodies);
            return Err(unavailable("too many large requests are being read; try again"));
        };
        self.allowance = StallAllowance::new(bytes, self.limits.timeout);
        self.reservation = Some(reservation);
        Ok(())
    }

    async fn frame(&mut self) -> Result<Option<Frame<Bytes>>, Response> {
        let left = self.limits.timeout.saturating_sub(self.waited);
        let within = if self.limits.is_steady { left.min(self.allowance.left()) } else { left };
        let since = Instant::now();
        let frame = timeout(within, self.body.frame()).await;
        let waited = since.elapsed();
        self.waited += waited;
        match frame {
            Ok(None) => Ok(None),
            Ok(Some(Ok(frame))) => {
                self.allowance.record(waited, frame.data_ref().map_or(0, Bytes::len));
                Ok(Some(frame))
            }
            Ok(Some(Err(failure))) => {
                Err(error(StatusCode::BAD_REQUEST, "Bad request", &format!("the body: {failure}")))
            }
            Err(_) => {
                self.observer.refused(NetLimit::Time);
                let message = if within < left {
                    "the body arrives too slowly".to_owned()
                } else {
                    format!("the body did not arrive within {:?}", self.limits.timeout)
                };
                Err(error(StatusCode::REQUEST_TIMEOUT, "Request timeout", &message))
            }
        }
    }

    fn too_large(&self) -> Response {
        self.limits.too_large.into_iter().for_each(|limit| self.observer.refused(limit));
        let message = format!("the body is at most {} bytes", self.limits.max_bytes);
        error(StatusCode::PAYLOAD_TOO_LARGE, "Payload too large", &message)
    }
}

/// Reads a whole body.
///
/// # Errors
/// Those of [`BodyReader`].
pub async fn read_body(body: Body, limits: BodyLimits, observer: &dyn NetObserver) -> Result<Bytes, Response> {
    BodyReader::new(body, limits, observer).read_all().await
}

/// Returns the refusal of a compressed body: 415 with the encodings that are accepted (RFC 7694), which are none.
pub fn encoding_refusal(headers: &HeaderMap) -> Option<Response> {
    let is_plain = |value: &HeaderValue| value.is_empty() || value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(header::CONTENT_ENCODING).iter().all(is_plain) {
        return None;
    }
    let message = "the body must not be compressed: send it without Content-Encoding";
    let mut answer = error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type", message);
    answer.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Some(answer)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use parking_lot::Mutex;

    use super::*;

    const LIMITS: BodyLimits = BodyLimits {
        max_bytes: 1024 * 1024,
        timeout: Duration::from_secs(30),
        is_steady: true,
        too_large: Some(NetLimit::BodyBytes),
    };

    #[derive(Default)]
    struct Refusals(Mutex<Vec<NetLimit>>);

    impl NetObserver for Refusals {
        fn refused(&self, limit: NetLimit) {
            self.0.lock().push(limit);
        }
    }

    /// A body of parts, with a pause before each.
    fn body(part: usize, count: usize, pause: Duration) -> Body {
        Body::from_stream(stream::unfold(count, move |left| async move {
            if left == 0 {
                return None;
            }
            tokio::time::sleep(pause).await; // tidy: allow: the clock is paused
            Some((Ok::<_, Infallible>(Bytes::from(vec![b'x'; part])), left - 1))
        }))
    }

    async fn read(body: Body, limits: BodyLimits) -> (Result<usize, StatusCode>, Vec<NetLimit>) {
        let refusals = Refusals::default();
        let read = read_body(body, limits, &refusals).await;
        (read.map(|bytes| bytes.len()).map_err(|answer| answer.status()), refusals.0.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_read_whole_within_its_limits() {
        let second = Duration::from_secs(1);
        assert_eq!(read(Body::empty(), LIMITS).await, (Ok(0), vec![]));
        assert_eq!(read(body(100, 1, second), LIMITS).await, (Ok(100), vec![]));
        assert_eq!(read(body(64 * 1024, 16, second), LIMITS).await, (Ok(1024 * 1024), vec![]));
        let too_large = (Err(StatusCode::PAYLOAD_TOO_LARGE), vec![NetLimit::BodyBytes]);
        assert_eq!(read(body(64 * 1024, 17, second), LIMITS).await, too_large);
        let announced = Body::from(vec![b'x'; 1024 * 1024 + 1]);
        assert_eq!(read(announced, LIMITS).await, too_large, "it is refused before it is read");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_arrives_too_slowly_is_refused_long_before_its_deadline() {
        let late = (Err(StatusCode::REQUEST_TIMEOUT), vec![NetLimit::Time]);
        let since = Instant::now();
        assert_eq!(read(body(1, 1000, Duration::from_secs(3)), LIMITS).await, late);
        assert!(since.elapsed() < Duration::from_secs(7), "{:?}", since.elapsed());
        let not_steady = BodyLimits { is_steady: false, ..LIMITS };
        assert_eq!(read(body(1, 9, Duration::from_secs(3)), not_steady).await, (Ok(9), vec![]));
        let since = Instant::now();
        assert_eq!(read(body(1, 1000, Duration::from_secs(3)), not_steady).await, late);
        assert_eq!(since.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_in_which_the_caller_works_does_not_count() {
        let refusals = Refusals::default();
        let mut reader = BodyReader::new(body(1024, 20, Duration::ZERO), LIMITS, &refusals);
        let mut parts = 0;
        while reader.next().await.unwrap().is_some() {
            parts += 1;
            tokio::time::sleep(Duration::from_secs(20)).await; // tidy: allow: the clock is paused
        }
        assert_eq!(parts, 20);
    }

    #[tokio::test(start_paused = true)]
    async fn the_rest_of_a_refused_body_is_read_and_dropped() {
        const PART: &[u8] = &[b'x'; 1024];
        let parts_of_limit = LIMITS.max_bytes / PART.len();
        for (count, unread) in [(20, 0), (2 * parts_of_limit, 0), (2 * parts_of_limit + 10, 9)] {
            let left = std::sync::Arc::new(Mutex::new(count));
            let parts = stream::unfold(std::sync::Arc::clone(&left), |left| async move {
                let mut count = left.lock();
                *count = count.checked_sub(1)?;
                drop(count);
                Some((Ok::<_, Infallible>(Bytes::from_static(PART)), left))
            });
            let refusals = Refusals::default();
            BodyReader::new(Body::from_stream(parts), LIMITS, &refusals).discard().await;
            assert_eq!(*left.lock(), unread);
            assert_eq!(*refusals.0.lock(), []);
        }
    }

    #[test]
    fn a_compressed_body_is_refused() {
        let check = |values: &[&'static str]| {
            let values = values.iter().map(|value| (header::CONTENT_ENCODING, HeaderValue::from_static(value)));
            encoding_refusal(&values.collect::<HeaderMap>()).map(|answer| answer.status())
        };
        for plain in [&[][..], &["identity"], &["Identity"], &[""]] {
            assert_eq!(check(plain), None, "{plain:?}");
        }
        for encoded in [&["gzip"][..], &["br"], &["identity, gzip"], &["identity", "zstd"]] {
            assert_eq!(check(encoded), Some(StatusCode::UNSUPPORTED_MEDIA_TYPE), "{encoded:?}");
        }
    }
}
