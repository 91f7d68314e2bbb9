//! `baseline-bare <address>`: completes the handshake, sends `ready`, and at each whole second writes one prebuilt
//! tick to every socket in one loop. It has no users, sessions or store, and reads nothing: the baseline is the
//! cost of the writes alone.

use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const BACKLOG: u32 = 4096;

/// Largest request head.
const HEAD_MAX: usize = 8192;

type Sockets = Arc<Mutex<Vec<TcpStream>>>;

#[tokio::main]
async fn main() -> Result<()> {
    let address = std::env::args().nth(1).context("usage: baseline-bare <address>")?;
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address.parse()?)?;
    let listener = socket.listen(BACKLOG)?;
    let sockets = Sockets::default();
    tokio::spawn(beat(Arc::clone(&sockets)));
    loop {
        let (tcp, _) = listener.accept().await?;
        let sockets = Arc::clone(&sockets);
        tokio::spawn(async move {
            if let Ok(tcp) = handshake(tcp).await {
                sockets.lock().push(tcp);
            }
        });
    }
}

/// Writes a tick to every socket at each whole second; a socket that can't take it at once is closed.
async fn beat(sockets: Sockets) {
    loop {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        sleep(Duration::from_secs(now.as_secs() + 1).saturating_sub(now)).await;
        let second = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() * 1000;
        let tick = text_frame(&format!(
            r#"{{"type":"tick","payload":[{{"sessionId":"s0","elapsedMs":123456,"running":true}}],"serverTime":{second}}}"#
        ));
        let mut sockets = sockets.lock();
        sockets.retain(|tcp| tcp.try_write(&tick).is_ok_and(|written| written == tick.len()));
    }
}

async fn handshake(mut tcp: TcpStream) -> Result<TcpStream> {
    tcp.set_nodelay(true)?;
    let mut head = Vec::with_capacity(512);
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(head.len() < HEAD_MAX && tcp.read_buf(&mut head).await? > 0, "no request");
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim())
    });
    let accept = derive_accept_key(key.context("no key")?.as_bytes());
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    tcp.write_all(response.as_bytes()).await?;
    tcp.write_all(&text_frame(r#"{"type":"ready","payload":[]}"#)).await?;
    Ok(tcp)
}

/// Returns a text frame of up to 65,535 bytes.
fn text_frame(payload: &str) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("a short text");
    let mut frame = vec![0x81];
    match length {
        0..=125 => frame.push(length.to_be_bytes()[1]),
        126.. => {
            frame.push(126);
            frame.extend(length.to_be_bytes());
        }
    }
    frame.extend_from_slice(payload.as_bytes());
    frame
}
