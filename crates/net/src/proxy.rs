//! Proxies in front of the node: which are trusted, and the client addresses that they report.

mod client_address;
mod protocol;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

pub use client_address::client_address;
pub(crate) use protocol::read_proxy_header;

/// The proxies in front of the node.
#[derive(Clone, Debug)]
pub struct ProxyOptions {
    /// Networks of the proxies that are trusted to report a client's address.
    pub networks: Vec<IpNet>,
    /// The header that they report it in.
    pub header: ForwardedHeader,
    /// Whether they begin each connection with a PROXY protocol header, version 2.
    pub protocol: bool,
}

/// The header in which proxies report a client's address. Only one is trusted: the client could set the other itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The address at the other end of a connection: a client or a proxy.
///
/// [`serve`](crate::server::serve) adds it to the extensions of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

impl FromStr for ForwardedHeader {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "x-forwarded-for" => Ok(Self::XForwardedFor),
            "forwarded" => Ok(Self::Forwarded),
            _ => Err("it must be one of x-forwarded-for, forwarded".to_owned()),
        }
    }
}

impl fmt::Display for ForwardedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        })
    }
}

/// Returns whether an address is in one of the networks.
pub(crate) fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}
