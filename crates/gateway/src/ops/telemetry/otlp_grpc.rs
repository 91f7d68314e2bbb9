//! The connection of the gRPC exporters to a collector over TLS.

use std::path::Path;
use std::task::{Context, Poll};

use axum::http::Uri;
use axum::http::uri::Scheme;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use tonic::codegen::Service;
use tonic::transport::{Channel, Endpoint};

/// Creates a channel to an `https` address, which connects when it is used. Must be called on the runtime.
///
/// # Errors
/// The reason as text: the address or the file of root certificates cannot be used.
pub(super) fn tls_channel(address: &str, ca_file: Option<&Path>) -> Result<Channel, String> {
    let invalid = |error: &dyn std::fmt::Display| format!("{address}: {error}");
    let origin: Uri = address.parse().map_err(|error| invalid(&error))?;
    let tls = store::tls::client_config(ca_file)?;
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http2().build();
    let endpoint = Endpoint::from(with_scheme(origin.clone(), Scheme::HTTP)).origin(origin);
    Ok(endpoint.connect_with_connector_lazy(TlsConnector(connector)))
}

/// Connects over TLS to addresses that are written as `http`. A channel to an `https` address requires TLS of its own,
/// which would read the trusted certificates only once.
#[derive(Clone)]
struct TlsConnector(HttpsConnector<HttpConnector>);

impl Service<Uri> for TlsConnector {
    type Response = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
    type Error = <HttpsConnector<HttpConnector> as Service<Uri>>::Error;
    type Future = <HttpsConnector<HttpConnector> as Service<Uri>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        self.0.call(with_scheme(address, Scheme::HTTPS))
    }
}

fn with_scheme(address: Uri, scheme: Scheme) -> Uri {
    let mut parts = address.into_parts();
    parts.scheme = Some(scheme);
    Uri::from_parts(parts).expect("an address with another scheme is an address")
}
