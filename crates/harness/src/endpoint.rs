//! Addresses of servers under test.

use std::net::{Ipv4Addr, SocketAddr};

/// Where a server listens: an address, or a port of the loopback address.
pub trait Endpoint {
    /// Returns the address.
    fn address(self) -> SocketAddr;
}

impl Endpoint for SocketAddr {
    fn address(self) -> SocketAddr {
        self
    }
}

impl Endpoint for u16 {
    fn address(self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self).into()
    }
}
