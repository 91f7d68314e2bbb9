//! The PROXY protocol, version 2, by which a proxy reports the address of a TCP client.

use std::io;
use std::net::IpAddr;

use proxy_protocol_rs::{Command, V2_SIGNATURE, parse};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Bytes of the fixed part of a header. Its last two bytes are the length of the variable part.
const FIXED_BYTES: usize = 16;

/// Longest variable part that is read. Addresses and the fields that a proxy may add take some hundred bytes.
const VARIABLE_BYTES_MAX: usize = 4096;

/// Reads the header with which a proxy begins a connection and returns the client's address, or the proxy's own if it
/// checks the node's health.
pub(crate) async fn read_proxy_header(tcp: &mut TcpStream, peer: IpAddr) -> io::Result<IpAddr> {
    let mut header = vec![0; FIXED_BYTES];
    tcp.read_exact(&mut header).await?;
    if !header.starts_with(V2_SIGNATURE) {
        return Err(io::Error::other("the proxy sent no PROXY protocol header, version 2"));
    }
    let variable = usize::from(u16::from_be_bytes([header[FIXED_BYTES - 2], header[FIXED_BYTES - 1]]));
    if variable > VARIABLE_BYTES_MAX {
        return Err(io::Error::other("the PROXY protocol header is too long"));
    }
    header.resize(FIXED_BYTES + variable, 0);
    tcp.read_exact(&mut header[FIXED_BYTES..]).await?;
    let (info, _) = parse(&header).map_err(io::Error::other)?;
    let client = info.source_ip().filter(|_| info.command == Command::Proxy);
    Ok(client.map_or(peer, |client| client.to_canonical()))
}
