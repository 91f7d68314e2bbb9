//! Settings of the public port: who may connect to it, from where, and how much.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::bucket::Bucket;
use crate::config::parse::{address, boolean, count, file, networks, span, words};
use crate::config::{Mode, Reader};
use crate::origin::Origin;

/// Pages that a developer serves on the same machine, besides the console.
const DEVELOPMENT_ORIGINS: [&str; 3] = ["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"];

/// The port that clients connect to.
#[derive(Clone, Debug)]
pub(crate) struct PublicSettings {
    pub(crate) listen: SocketAddr,
    pub(crate) tls: Option<TlsSettings>,
    /// Pages of these may use it, besides its own.
    pub(crate) origins: Vec<Origin>,
    pub(crate) proxy: ProxySettings,
}

/// Where the certificate is.
#[derive(Clone, Debug)]
pub(crate) struct TlsSettings {
    pub(crate) certificate_file: PathBuf,
    pub(crate) key_file: PathBuf,
}

/// Who stands between clients and this node.
#[derive(Clone, Debug)]
pub(crate) struct ProxySettings {
    /// Where proxies are that are believed to tell a client's address.
    pub(crate) networks: Vec<IpNet>,
    pub(crate) header: ForwardedBy,
    /// Whether they begin a connection with a PROXY protocol header.
    pub(crate) protocol: bool,
}

/// The header that proxies tell a client's address in. Only one is believed: the other would be the client's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForwardedBy {
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

words!(ForwardedBy { "x-forwarded-for" => XForwardedFor, "forwarded" => Forwarded });

/// Bounds on clients.
#[derive(Clone, Debug)]
pub(crate) struct LimitSettings {
    pub(crate) connections: usize,
    pub(crate) connections_per_user: usize,
    pub(crate) connections_per_address: usize,
    /// What the bound on an address does not hold for.
    pub(crate) addresses_exempt: Vec<IpNet>,
    pub(crate) messages_per_second: usize,
    pub(crate) message_burst: usize,
    pub(crate) message_bytes: usize,
    pub(crate) head_bytes: usize,
    pub(crate) request_within: Duration,
}

impl PublicSettings {
    pub(super) fn read(reader: &mut Reader, mode: Mode, trusted: bool) -> Self {
        let listen = if trusted { "127.0.0.1:4000" } else { "0.0.0.0:4000" };
        Self {
            listen: address(reader, "public.listen", listen),
            tls: TlsSettings::read(reader),
            origins: origins(reader, mode),
            proxy: ProxySettings::read(reader),
        }
    }
}

impl TlsSettings {
    fn read(reader: &mut Reader) -> Option<Self> {
        let certificate_file = file(reader, "public.tls.certificate_file");
        let key_file = file(reader, "public.tls.key_file");
        match (certificate_file, key_file) {
            (Some(certificate_file), Some(key_file)) => Some(Self { certificate_file, key_file }),
            (None, None) => None,
            (Some(_), None) => {
                reader.mistake("public.tls.key_file", "is needed with public.tls.certificate_file");
                None
            }
            (None, Some(_)) => {
                reader.mistake("public.tls.certificate_file", "is needed with public.tls.key_file");
                None
            }
        }
    }
}

impl ProxySettings {
    fn read(reader: &mut Reader) -> Self {
        let settings = Self {
            networks: networks(reader, "public.proxy.networks", &[]),
            header: reader.value("public.proxy.header", ForwardedBy::XForwardedFor, str::parse),
            protocol: reader.value("public.proxy.protocol", false, boolean),
        };
        if settings.protocol && settings.networks.is_empty() {
            reader.mistake("public.proxy.protocol", "needs public.proxy.networks: from others it is not believed");
        }
        settings
    }
}

impl LimitSettings {
    /// Makes what counts the messages of one connection.
    pub(crate) fn bucket(&self) -> Bucket {
        Bucket::new(self.messages_per_second, self.message_burst)
    }

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
        };
        if settings.head_bytes < HEAD_BYTES_LEAST {
            reader.mistake("limits.head_bytes", "must be at least 8192");
        }
        settings
    }
}

/// What the reader of heads needs.
const HEAD_BYTES_LEAST: usize = 8192;

fn origins(reader: &mut Reader, mode: Mode) -> Vec<Origin> {
    let default = match mode {
        Mode::Development => DEVELOPMENT_ORIGINS.map(|origin| origin.parse().expect("it is one")).to_vec(),
        Mode::Production => Vec::new(),
    };
    reader.list("public.origins", default, str::parse)
}
