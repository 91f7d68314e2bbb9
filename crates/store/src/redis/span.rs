//! Spans of what is asked of Redis, by the semantic conventions of OpenTelemetry for it.

use fred::error::{Error, ErrorKind};
use fred::types::config::{Config, Server, ServerConfig};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::redis::fault::{code, is_servers};

/// The server as it is configured, whichever answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    address: String,
    port: Option<u16>,
    database: String,
}

/// What is asked.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    /// The span's name: the operation, and the script if it runs one.
    pub(crate) name: &'static str,
    /// The command, or `PIPELINE` of several.
    pub(crate) operation: &'static str,
    /// The script.
    pub(crate) script: Option<&'static str>,
    /// How many commands a pipeline has.
    pub(crate) batch: Option<u64>,
}

impl Place {
    /// Reads it from the driver's configuration; of several servers it is one of those that are named.
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

    /// Asks, within a span if what asks is traced.
    pub(crate) async fn trace<T>(
        &self,
        asked: Asked,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let span = tracing::info_span!(
            "redis",
            otel.name = asked.name,
            otel.kind = "client",
            otel.status_code = Empty,
            db.system.name = "redis",
            db.namespace = self.database,
            db.operation.name = asked.operation,
            db.stored_procedure.name = asked.script,
            db.operation.batch.size = asked.batch,
            db.response.status_code = Empty,
            error.type = Empty,
            server.address = self.address,
            server.port = self.port,
        );
        let answered = answer.instrument(span.clone()).await;
        if let Err(error) = &answered {
            record(&span, error);
        }
        answered
    }
}

fn record(span: &Span, error: &Error) {
    span.record("otel.status_code", "ERROR");
    let code = code(error).filter(|_| is_servers(error));
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
    fn a_place_is_what_was_configured_without_its_password() {
        for (url, address, port, database) in [
            ("redis://ann:s3cret@host:6380/3", "host", Some(6380), "3"),
            ("redis-cluster://a:7000", "a", Some(7000), "0"),
            ("redis+unix:///run/redis.sock", "/run/redis.sock", None, "0"),
        ] {
            let place = Place::of(&Config::from_url(url).unwrap());
            assert_eq!(place, Place { address: address.to_owned(), port, database: database.to_owned() });
        }
    }
}
