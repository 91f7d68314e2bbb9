//! How exporters send over HTTP. They run on threads of their own; the sending is done by the runtime's.

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

use crate::cause::chain;

/// Largest answer that is read; a collector answers with some bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Sends over HTTP.
pub(super) struct Post {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    within: Duration,
    runtime: Handle,
    /// Told why something was not sent.
    fails: Box<dyn Fn(String) + Send + Sync>,
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").finish_non_exhaustive()
    }
}

impl Post {
    /// Must be called on the runtime.
    ///
    /// # Errors
    /// What is wrong with the file of certificates, in words.
    pub(super) fn new(
        ca_file: Option<&Path>,
        within: Duration,
        fails: Box<dyn Fn(String) + Send + Sync>,
    ) -> Result<Self, String> {
        let roots = store::tls::roots(ca_file)?;
        let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, within, runtime: Handle::current(), fails })
    }
}

#[async_trait::async_trait]
impl HttpClient for Post {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, within) = (self.client.clone(), self.within);
        let sent = self.runtime.spawn(async move {
            timeout(within, async {
                let (head, body) =
                    client.request(request.map(Full::new)).await.map_err(|error| chain(&error))?.into_parts();
                let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
                Ok(Response::from_parts(head, body))
            })
            .await
            .unwrap_or_else(|_| Err("it does not answer in time".into()))
        });
        let sent: Result<_, HttpError> = sent.await?;
        sent.inspect_err(|why| (self.fails)(why.to_string()))
    }
}
