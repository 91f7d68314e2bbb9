//! The HTTP client of the exporters. Exporters run on threads of their own; the runtime sends their requests.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::error_chain::error_chain;

/// Largest accepted response; a collector answers with a few bytes.
const RESPONSE_BYTES_MAX: usize = 64 * 1024;

/// Sends the requests of an exporter.
pub(super) struct OtlpHttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
    runtime: Handle,
    /// Receives the reason of each failure.
    on_error: Box<dyn Fn(String) + Send + Sync>,
}

impl fmt::Debug for OtlpHttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpHttpClient").finish_non_exhaustive()
    }
}

impl OtlpHttpClient {
    /// Creates a client. Must be called on the runtime.
    ///
    /// # Errors
    /// The reason as text: the file of root certificates cannot be used.
    pub(super) fn new(
        ca_file: Option<&Path>,
        timeout: Duration,
        on_error: Box<dyn Fn(String) + Send + Sync>,
    ) -> Result<Self, String> {
        let tls = store::tls::client_config(ca_file)?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, timeout, runtime: Handle::current(), on_error })
    }
}

#[async_trait::async_trait]
impl HttpClient for OtlpHttpClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, time_limit) = (self.client.clone(), self.timeout);
        let response = self.runtime.spawn(async move {
            timeout(time_limit, async {
                let (head, body) =
                    client.request(request.map(Full::new)).await.map_err(|error| error_chain(&error))?.into_parts();
                let body = Limited::new(body, RESPONSE_BYTES_MAX).collect().await?.to_bytes();
                Ok(Response::from_parts(head, body))
            })
            .await
            .unwrap_or_else(|_| Err("no answer within the time limit".into()))
        });
        let response: Result<_, HttpError> = response.await?;
        response.inspect_err(|error| (self.on_error)(error.to_string()))
    }
}
