//! The settings of the public listener: address, TLS, origins, proxies and limits.

use std::net::SocketAddr;
use std::time::Duration;

use access::OriginPattern;
use engine::store::HistoryQuota;
use ipnet::IpNet;
use net::limits::{AddressLimits, ConnectionLimits, SignalTexts};
use net::proxy::{ForwardedHeader, ProxyOptions};
use net::tls::TlsFiles;

use crate::ops::config::files::tls_files;
use crate::ops::config::parse::{address, boolean, count, networks, span};
use crate::ops::config::{Mode, Reader};

/// Smallest limit of a request head, which the HTTP parser requires.
const HEAD_BYTES_MIN: usize = 8192;

/// Pages that a developer serves on the same machine, besides the console.
const DEVELOPMENT_ORIGINS: [&str; 3] = ["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"];

/// The listener that clients connect to.
#[derive(Clone, Debug)]
pub(crate) struct PublicSettings {
    pub(crate) listen: SocketAddr,
    pub(crate) tls: Option<TlsFiles>,
    /// The origins whose pages may use the service, besides its own.
    pub(crate) origins: Vec<OriginPattern>,
    pub(crate) proxy: ProxyOptions,
}

/// The limits of clients.
#[derive(Clone, Debug)]
pub(crate) struct LimitSettings {
    pub(crate) connections: usize,
    pub(crate) connections_per_user: usize,
    pub(crate) connections_per_address: usize,
    /// Networks that the limit per address does not apply to.
    pub(crate) addresses_exempt: Vec<IpNet>,
    pub(crate) messages_per_second: usize,
    pub(crate) message_burst: usize,
    pub(crate) message_bytes: usize,
    pub(crate) head_bytes: usize,
    pub(crate) request_within: Duration,
    pub(crate) keep_alive: Duration,
    /// Imports of a user and of an address in a minute.
    pub(crate) imports_per_user: usize,
    pub(crate) imports_per_address: usize,
    pub(crate) history: HistoryQuota,
}

impl PublicSettings {
    pub(super) fn read(reader: &mut Reader, mode: Mode, accepts_any_id: bool) -> Self {
        let listen = if accepts_any_id { "127.0.0.1:4000" } else { "0.0.0.0:4000" };
        Self {
            listen: address(reader, "public.listen", listen),
            tls: tls_files(reader, "public.tls.certificate_file", "public.tls.key_file"),
            origins: origins(reader, mode),
            proxy: proxy(reader),
        }
    }
}

impl LimitSettings {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let settings = Self {
            connections: count(reader, "limits.connections", 15_000),
            connections_per_user: count(reader, "limits.connections_per_user", 200),
            connections_per_address: count(reader, "limits.connections_per_address", 1000),
            addresses_exempt: networks(reader, "limits.addresses_exempt", &["127.0.0.0/8", "::1/128"]),
            messages_per_second: count(reader, "limits.messages_per_second", 100),
            message_burst: count(reader, "limits.message_burst", 1000),
            message_bytes: count(reader, "limits.message_bytes", 64 * 1024),
            head_bytes: count(reader, "limits.head_bytes", 32 * 1024),
            request_within: span(reader, "limits.request_within", Duration::from_secs(30)),
            // Load balancers keep idle connections for up to a minute. A request that one sends while the node closes the
            // connection fails, and a POST is not repeated.
            keep_alive: span(reader, "limits.keep_alive", Duration::from_secs(75)),
            imports_per_user: count(reader, "limits.imports_per_user", 60),
            imports_per_address: count(reader, "limits.imports_per_address", 300),
            history: history_quota(reader),
        };
        if settings.head_bytes < HEAD_BYTES_MIN {
            reader.error("limits.head_bytes", "must be at least 8192");
        }
        settings
    }

    /// Returns the limits of one connection of a system with these signals.
    pub(crate) fn of_connection(&self, signals: SignalTexts) -> ConnectionLimits {
        ConnectionLimits {
            messages_per_second: self.messages_per_second,
            message_burst: self.message_burst,
            message_bytes: self.message_bytes,
            signals,
        }
    }

    /// Returns the limits of one address.
    pub(crate) fn of_address(&self) -> AddressLimits {
        AddressLimits { connections_per_address: self.connections_per_address, exempt: self.addresses_exempt.clone() }
    }
}

fn history_quota(reader: &mut Reader) -> HistoryQuota {
    let HistoryQuota { rows, bytes } = HistoryQuota::DEFAULT;
    let mut most = |key, default| count(reader, key, usize::try_from(default).unwrap_or(usize::MAX)) as u64;
    HistoryQuota { rows: most("limits.history_rows", rows), bytes: most("limits.history_bytes", bytes) }
}

fn proxy(reader: &mut Reader) -> ProxyOptions {
    let options = ProxyOptions {
        networks: networks(reader, "public.proxy.networks", &[]),
        header: reader.value("public.proxy.header", ForwardedHeader::XForwardedFor, str::parse),
        protocol: reader.value("public.proxy.protocol", false, boolean),
    };
    if options.protocol && options.networks.is_empty() {
        reader.error("public.proxy.protocol", "requires public.proxy.networks: other senders are not trusted");
    }
    options
}

fn origins(reader: &mut Reader, mode: Mode) -> Vec<OriginPattern> {
    let default = match mode {
        Mode::Development => DEVELOPMENT_ORIGINS.map(|origin| origin.parse().expect("the default is valid")).to_vec(),
        Mode::Production => Vec::new(),
    };
    reader.list("public.origins", default, str::parse)
}
