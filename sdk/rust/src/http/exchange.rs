//! One request and its answer, on a connection of their own.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, RETRY_AFTER};
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use url::{Position, Url};

use crate::close_policy::RETRY_AFTER_MAX;
use crate::error::ConnectionError;
use crate::http::HttpRequest;
use crate::network::Network;

/// An answer.
pub(crate) struct Exchange {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Sends a request to a URL, and reads the answer.
pub(crate) async fn exchange(
    network: &Network,
    url: &Url,
    request: &HttpRequest,
    headers: HeaderMap,
    limit: Duration,
) -> Result<Exchange, ConnectionError> {
    let answered = timeout(limit, exchange_without_limit(network, url, request, headers)).await;
    answered.map_err(|_| ConnectionError::lost("no answer in time"))?
}

/// Returns the delay that an answer asks for, within the limit of delays.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

async fn exchange_without_limit(
    network: &Network,
    url: &Url,
    request: &HttpRequest,
    headers: HeaderMap,
) -> Result<Exchange, ConnectionError> {
    let stream = network.connect(url).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(ConnectionError::lost)?;
    let mut sent = Request::builder()
        .method(request.method.clone())
        .uri(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .body(Full::new(request.body.clone()))
        .map_err(ConnectionError::lost)?;
    sent.headers_mut().extend(headers);
    // The connection ends with the request.
    let answered = async {
        let (parts, body) = sender.send_request(sent).await.map_err(ConnectionError::lost)?.into_parts();
        let body = Limited::new(body, request.answer_bytes_max).collect().await.map_err(ConnectionError::lost)?;
        Ok(Exchange { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    };
    tokio::select! {
        answered = answered => answered,
        Err(error) = connection => Err(ConnectionError::lost(error)),
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn the_delay_of_an_answer_is_limited() {
        let cases =
            [("7", Some(7)), ("301", Some(300)), ("18446744073709551615", Some(300)), ("-1", None), ("soon", None)];
        for (text, seconds) in cases {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs), "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
