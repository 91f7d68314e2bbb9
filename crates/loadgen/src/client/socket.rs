//! Opens a connection.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::order::Share;

/// How long a connection may take.
const OPEN_WITHIN: Duration = Duration::from_secs(30);

/// What a client reads at once; small, for there are many.
const READ_BUFFER: usize = 2048;

/// The kernel's receive buffer of a client that stops to read, so that it is full soon.
const SLOW_BUFFER: u32 = 4096;

/// Opens a connection of the share, to the server whose turn it is.
pub(super) async fn open(share: &Share, nth: usize) -> Result<WebSocketStream<tokio::net::TcpStream>, String> {
    let devices = share.scenario.devices();
    // Devices of a user are on servers in turn, and so are users.
    let target = share.targets[(if devices > 1 { nth % devices } else { nth }) % share.targets.len()];
    let opening = async {
        let socket = TcpSocket::new_v4()?;
        if share.scenario.is_slow(nth) {
            socket.set_recv_buffer_size(SLOW_BUFFER)?;
        }
        socket.bind(SocketAddr::new(IpAddr::V4(share.source), 0))?;
        let tcp = socket.connect(target).await?;
        tcp.set_nodelay(true)?;
        let url = format!("ws://{target}{}", share.speech.path(nth / devices));
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(0);
        Ok::<_, Error>(client_async_with_config(url, tcp, Some(config)).await?.0)
    };
    match timeout(OPEN_WITHIN, opening).await {
        Ok(Ok(socket)) => Ok(socket),
        Ok(Err(Error::Http(answer))) => Err(format!("refused {}", answer.status())),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("it took too long".to_owned()),
    }
}
