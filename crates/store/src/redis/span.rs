//! Spans of Redis operations, by the semantic conventions of OpenTelemetry for Redis.

use fred::error::{Error, ErrorKind};
use fred::types::config::{Config, Server, ServerConfig};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::redis::fault::{error_code, is_server_reply};

/// The configured server, whichever server replies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    address: String,
    port: Option<u16>,
    database: String,
}

/// An operation.
#[derive(Clone, Copy)]
pub(crate) struct Operation {
    /// The span's name: the operation, and the script if it runs one.
    pub(crate) name: &'static str,
    /// The command, or `PIPELINE` for several.
    pub(crate) operation: &'static str,
    /// The script.
    pub(crate) script: Option<&'static str>,
    /// The number of commands in a pipeline.
    pub(crate) batch: Option<u64>,
}

impl Endpoint {
    /// Reads the driver's configuration; with several servers, the first one.
    pub(crate) fn of(config: &Config) -> Self {
        let database = config.database.unwrap_or(0).to_string();
        let at = |server: &Server| (server.host.to_string(), Some(server.port));
        let (address, port) = match &config.server {
            ServerConfig::Centralized { server } => at(server),
            ServerConfig::Clustered { hosts, .. } | ServerConfig::Sentinel { hosts, .. } => {
                hosts.first().map(at).unwrap_or_default()
            }
            ServerConfig::Unix { path } => (path.display().to_string(), None),
        };
        Self { address, port, database }
    }

    /// Runs an operation within a span.
    pub(crate) async fn trace<T>(
        &self,
        operation: Operation,
        reply: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let span = tracing::info_span!(
            "redis",
            otel.name = operation.name,
            otel.kind = "client",
            otel.status_code = Empty,
            db.system.name = "redis",
            db.namespace = self.database,
            db.operation.name = operation.operation,
            db.stored_procedure.name = operation.script,
            db.operation.batch.size = operation.batch,
            db.response.status_code = Empty,
            error.type = Empty,
            server.address = self.address,
            server.port = self.port,
        );
        let result = reply.instrument(span.clone()).await;
        if let Err(error) = &result {
            record(&span, error);
        }
        result
    }
}

fn record(span: &Span, error: &Error) {
    span.record("otel.status_code", "ERROR");
    let code = error_code(error).filter(|_| is_server_reply(error));
    if let Some(code) = code {
        span.record("db.response.status_code", code);
    }
    span.record("error.type", code.unwrap_or(kind(error)));
}

fn kind(error: &Error) -> &'static str {
    let named = [
        (ErrorKind::Timeout, "timeout"),
        (ErrorKind::IO, "io"),
        (ErrorKind::Canceled, "canceled"),
        (ErrorKind::Backpressure, "backpressure"),
    ];
    named.iter().find(|(kind, _)| kind == error.kind()).map_or("_OTHER", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_the_configured_address_without_its_password() {
        for (url, address, port, database) in [
            ("redis://ann:s3cret@host:6380/3", "host", Some(6380), "3"),
            ("redis-cluster://a:7000", "a", Some(7000), "0"),
            ("redis+unix:///run/redis.sock", "/run/redis.sock", None, "0"),
        ] {
            let endpoint = Endpoint::of(&Config::from_url(url).unwrap());
            assert_eq!(endpoint, Endpoint { address: address.to_owned(), port, database: database.to_owned() });
        }
    }
}
