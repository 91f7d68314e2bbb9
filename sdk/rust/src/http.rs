//! HTTP requests to a server, with the client's credential.

mod exchange;
mod request;

use std::time::Duration;

use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) use request::HttpRequest;

use crate::credential::{Credentials, Identity};
use crate::endpoint::ServerUrl;
use crate::error::{ConnectionError, HttpError};
use crate::http::exchange::{Exchange, retry_after};
use crate::network::Network;
use crate::options::ClientOptions;

/// A server that does not answer within this time counts as unreachable.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// A request has ended by then, also if it was sent again with a fresh token.
pub(crate) const REQUEST_MAX: Duration = Duration::from_secs(65);

/// The server's time has to arrive sooner: a longer round trip says little about it.
const TIME_TIMEOUT: Duration = Duration::from_secs(5);

/// The answer with the server's time has less than a hundred bytes.
const TIME_BYTES_MAX: usize = 4 * 1024;

/// Sends requests as one user.
#[derive(Debug)]
pub(crate) struct HttpClient {
    network: Network,
    url: ServerUrl,
    credentials: Credentials,
}

impl HttpClient {
    /// Returns a client with tokens of its own: requests can have others than the connection.
    pub(crate) fn new(options: &ClientOptions) -> Self {
        let network = Network::new(options.tls.clone());
        Self { network, url: options.url.clone(), credentials: Credentials::new(options.credential.clone()) }
    }

    /// Sends a request; once more, with a fresh token, if the server does not accept the token.
    pub(crate) async fn send(&self, request: &HttpRequest) -> Result<Bytes, HttpError> {
        let mut exchange = self.exchange(request).await?;
        if exchange.status == StatusCode::UNAUTHORIZED && self.credentials.is_renewable() {
            self.credentials.reject();
            exchange = self.exchange(request).await?;
        }
        match exchange.status {
            StatusCode::UNAUTHORIZED => self.credentials.reject(),
            _ => self.credentials.accept(),
        }
        if exchange.status.is_success() { Ok(exchange.body) } else { Err(status_error(&exchange)) }
    }

    /// Sends a request, and reads the JSON of its answer.
    pub(crate) async fn json<T: DeserializeOwned>(&self, request: &HttpRequest) -> Result<T, HttpError> {
        let body = self.send(request).await?;
        serde_json::from_slice(&body).map_err(|error| HttpError::InvalidAnswer { message: error.to_string() })
    }

    async fn exchange(&self, request: &HttpRequest) -> Result<Exchange, HttpError> {
        let mut url = self.url.endpoint(&request.path);
        let mut headers = request.headers.clone();
        for (name, value) in &request.query {
            url.query_pairs_mut().append_pair(name, value);
        }
        match self.credentials.present().await? {
            Identity::Guest => {}
            Identity::User(id) => drop(url.query_pairs_mut().append_pair("userId", &id)),
            Identity::Token(token) => drop(headers.insert(AUTHORIZATION, bearer(&token)?)),
        }
        let exchange = exchange::exchange(&self.network, &url, request, headers, RESPONSE_TIMEOUT);
        Ok(exchange.await?)
    }
}

fn bearer(token: &str) -> Result<HeaderValue, ConnectionError> {
    let invalid = |_| ConnectionError::Token { message: "the token has characters that no header can have".to_owned() };
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(invalid)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The answers of errors are JSON with a text: `message`, `error`, or the `message` of the object `error`.
fn status_error(exchange: &Exchange) -> HttpError {
    let details: Option<Value> = serde_json::from_slice(&exchange.body).ok();
    let field = |name: &str| details.as_ref().and_then(|details| details.get(name));
    let nested = field("error").and_then(|error| error.get("message"));
    let texts = [field("message"), field("error"), nested].into_iter().flatten();
    let text = texts.filter_map(Value::as_str).find(|text| !text.is_empty());
    let message = text.or(exchange.status.canonical_reason()).unwrap_or("the request failed").to_owned();
    let retry_after = retry_after(&exchange.headers);
    HttpError::Status { status: exchange.status.as_u16(), message, details, retry_after }
}

/// Asks the server for its time, in milliseconds since 1970.
pub(crate) async fn server_time(network: &Network, server: &ServerUrl) -> Result<f64, ConnectionError> {
    let question = json!({ "jsonrpc": "2.0", "id": "1", "method": "timesync" });
    let request = HttpRequest::new(Method::POST, &["timesync"]).json(&question).answer_bytes(TIME_BYTES_MAX);
    let url = server.endpoint(&request.path);
    let exchange = exchange::exchange(network, &url, &request, request.headers.clone(), TIME_TIMEOUT).await?;
    if exchange.status != StatusCode::OK {
        return Err(ConnectionError::Handshake { status: exchange.status.as_u16(), retry_after: None });
    }
    let answer: Value = serde_json::from_slice(&exchange.body).map_err(ConnectionError::lost)?;
    answer.get("result").and_then(Value::as_f64).ok_or_else(|| ConnectionError::lost("the answer has no time"))
}
