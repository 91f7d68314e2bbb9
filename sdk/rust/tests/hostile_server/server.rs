//! Servers on real sockets that do what a test tells them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::SinkExt;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// A server that counts its connections.
pub(super) struct Server {
    pub(super) url: String,
    pub(super) dials: Arc<AtomicUsize>,
}

impl Server {
    /// Starts a server; `serve` gets each connection and its number, from 1 on.
    pub(super) async fn start<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(TcpStream, usize) -> F + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let dials = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&dials);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let nth = counted.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::spawn(serve(stream, nth));
            }
        });
        Self { url, dials }
    }
}

pub(super) async fn send(socket: &mut WebSocketStream<TcpStream>, message: &Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}

/// Answers an HTTP request by its first line and its body, or returns the stream of a WebSocket.
pub(super) async fn answer_http(
    mut stream: TcpStream,
    answer: impl Fn(&str, &str) -> (u16, String),
) -> Option<TcpStream> {
    let mut bytes = vec![0; 16 * 1024];
    let length = stream.peek(&mut bytes).await.ok()?;
    if String::from_utf8_lossy(&bytes[..length]).to_lowercase().contains("upgrade: websocket") {
        return Some(stream);
    }
    // A socket that is closed with unread data resets the connection, and the answer can be lost.
    let mut request = String::new();
    while !is_complete(&request) {
        let length = stream.read(&mut bytes).await.ok().filter(|length| *length > 0)?;
        request.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    let (head, body) = request.split_once("\r\n\r\n")?;
    let (status, body) = answer(head.lines().next()?, body);
    let length = body.len();
    let answer = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    // The client may have gone.
    stream.write_all(answer.as_bytes()).await.ok();
    None
}

pub(super) fn is_complete(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}
