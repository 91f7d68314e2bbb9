//! Opens client connections.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::work_order::Assignment;

/// Timeout of a connection attempt.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

/// Read buffer of a client; small, because there are many clients.
const READ_BUFFER: usize = 2048;

/// Kernel receive buffer of a client that stops reading; small, so that it fills quickly.
const SLOW_BUFFER: u32 = 4096;

/// Opens a connection to the next server in rotation, at a path.
pub(super) async fn open(
    assignment: &Assignment,
    nth: usize,
    path: &str,
) -> Result<WebSocketStream<tokio::net::TcpStream>, String> {
    let target = assignment.target(nth);
    let opening = async {
        let socket = TcpSocket::new_v4()?;
        if assignment.scenario.is_slow(nth) {
            socket.set_recv_buffer_size(SLOW_BUFFER)?;
        }
        socket.bind(SocketAddr::new(IpAddr::V4(assignment.source), 0))?;
        let tcp = socket.connect(target).await?;
        tcp.set_nodelay(true)?;
        let mut request = format!("ws://{target}{path}").into_client_request()?;
        for (name, value) in assignment.headers(nth) {
            request.headers_mut().insert(name, value.parse()?);
        }
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(0);
        Ok::<_, Error>(client_async_with_config(request, tcp, Some(config)).await?.0)
    };
    match timeout(OPEN_TIMEOUT, opening).await {
        Ok(Ok(socket)) => Ok(socket),
        Ok(Err(Error::Http(response))) => Err(format!("rejected {}", response.status())),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("timeout".to_owned()),
    }
}
