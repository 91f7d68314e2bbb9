//! `baseline-bare <address>`: shakes hands, says `ready`, and at each whole second writes one prebuilt tick to
//! every socket in one loop. It knows no users, no sessions and no store, and reads nothing: what is left of a
//! server when only the writes remain.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const BACKLOG: u32 = 4096;

/// Longest head of a request.
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
            if let Ok(tcp) = greet(tcp).await {
                sockets.lock().unwrap_or_else(PoisonError::into_inner).push(tcp);
            }
        });
    }
}

/// Writes a tick to everyone at each whole second; who can't take it at once is let go.
async fn beat(sockets: Sockets) {
    loop {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        sleep(Duration::from_secs(now.as_secs() + 1).saturating_sub(now)).await;
        let second = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() * 1000;
        let tick = text(&format!(
            r#"{{"type":"tick","payload":[{{"sessionId":"s0","elapsedMs":123456,"running":true}}],"serverTime":{second}}}"#
        ));
        let mut sockets = sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.retain(|tcp| tcp.try_write(&tick).is_ok_and(|written| written == tick.len()));
    }
}

async fn greet(mut tcp: TcpStream) -> Result<TcpStream> {
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
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    tcp.write_all(answer.as_bytes()).await?;
    tcp.write_all(&text(r#"{"type":"ready","payload":[]}"#)).await?;
    Ok(tcp)
}

/// A frame of up to 65,535 bytes of text.
fn text(payload: &str) -> Vec<u8> {
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
