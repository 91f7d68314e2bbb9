//! HTTP requests to a server.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

use crate::endpoint::ServerUrl;
use crate::error::ConnectionError;
use crate::network::Network;

const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The answers that the library reads have less than a hundred bytes.
const RESPONSE_BYTES_MAX: usize = 4 * 1024;

/// Asks the server for its time, in milliseconds since 1970.
pub(crate) async fn server_time(network: &Network, server: &ServerUrl) -> Result<f64, ConnectionError> {
    let url = server.http("timesync");
    let request = json!({ "jsonrpc": "2.0", "id": "1", "method": "timesync" });
    let answered = timeout(RESPONSE_TIMEOUT, post(network, &url, &request)).await;
    let answer = answered.map_err(|_| ConnectionError::lost("no answer in time"))??;
    answer.get("result").and_then(Value::as_f64).ok_or_else(|| ConnectionError::lost("the answer has no time"))
}

async fn post(network: &Network, url: &Url, body: &Value) -> Result<Value, ConnectionError> {
    let stream = network.connect(url).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(ConnectionError::lost)?;
    let request = Request::builder()
        .method(Method::POST)
        .uri(&url[url::Position::BeforePath..url::Position::AfterQuery])
        .header(HOST, &url[url::Position::BeforeHost..url::Position::AfterPort])
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .map_err(ConnectionError::lost)?;
    // The connection ends with the request.
    let answered = async {
        let response = sender.send_request(request).await.map_err(ConnectionError::lost)?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(ConnectionError::Handshake { status: status.as_u16(), retry_after: None });
        }
        let body = Limited::new(response.into_body(), RESPONSE_BYTES_MAX).collect().await;
        let body = body.map_err(ConnectionError::lost)?.to_bytes();
        serde_json::from_slice(&body).map_err(ConnectionError::lost)
    };
    tokio::select! {
        answered = answered => answered,
        Err(error) = connection => Err(ConnectionError::lost(error)),
    }
}
