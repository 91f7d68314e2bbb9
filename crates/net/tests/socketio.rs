//! The Socket.IO server over real sockets, with a handler that answers each event.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use futures_util::{SinkExt, StreamExt};
use net::limits::{ConnectionLimits, NetLimit, NetObserver, SignalTexts};
use net::proxy::{ForwardedHeader, ProxyOptions};
use net::server::{HttpOptions, serve};
use net::socketio::{Packet, Socket, SocketIoHandler, SocketIoOptions, SocketIoServer, packet};
use net::websocket::{CloseReason, Disconnected, HeartbeatOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

const MESSAGE_BYTES: usize = 1000;

/// Events of a flood, and the size of each: together more than the kernel takes at once.
const FLOOD: usize = 2000;
const FLOOD_BYTES: usize = 8192;

const WITHIN: Duration = Duration::from_secs(10);

type Client = WebSocketStream<TcpStream>;

/// Acknowledges each event with its own payload, and reports the end of each session.
struct Echo {
    closed: mpsc::UnboundedSender<Option<CloseReason>>,
    is_full: bool,
}

impl NetObserver for Echo {
    fn refused(&self, limit: NetLimit) {
        panic!("refused for {limit:?}");
    }
}

impl SocketIoHandler for Echo {
    fn admit(&self, _: IpAddr) -> Result<(), Box<Response>> {
        if self.is_full { Err(Box::new(StatusCode::SERVICE_UNAVAILABLE.into_response())) } else { Ok(()) }
    }

    fn connected(&self, mut socket: Socket, _: &Parts) {
        self.spawn(Box::pin(async move {
            let disconnected = loop {
                let answer = match socket.next(true).await {
                    Ok(Some(Packet::Connect(_))) => packet::connect("id"),
                    Ok(Some(Packet::Event { name, .. })) if name == "close" => {
                        socket.sender().send_last(&packet::disconnect());
                        break Disconnected::Close(CloseReason::Forbidden);
                    }
                    Ok(Some(Packet::Event { name, .. })) if name == "flood" => {
                        flood(&mut socket).await;
                        continue;
                    }
                    Ok(Some(Packet::Event { payload, ack, .. })) => packet::ack(ack.unwrap(), &payload.unwrap()),
                    Ok(Some(Packet::ConnectNamespace(namespace))) => packet::connect_error(Some(namespace), "unknown"),
                    Ok(Some(Packet::Disconnect | Packet::Invalid { .. })) => packet::disconnect(),
                    Ok(None) => continue,
                    Err(disconnected) => break disconnected,
                };
                let mut answers = VecDeque::from([answer]);
                socket.sender().send(&mut answers);
                assert!(answers.is_empty());
            };
            socket.close(disconnected).await;
        }));
    }

    fn closed(&self, reason: Option<&CloseReason>) {
        self.closed.send(reason.cloned()).unwrap();
    }

    fn message_received(&self) {}

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}

/// Sends [`FLOOD`] events as the client takes them.
async fn flood(socket: &mut Socket) {
    let text = "x".repeat(FLOOD_BYTES);
    let mut packets: VecDeque<_> =
        (0..FLOOD).map(|nth| packet::event(&nth.to_string(), &format!("{text:?}"))).collect();
    socket.sender().send(&mut packets);
    assert!(!packets.is_empty(), "the node holds a part of them for this client alone");
    while !packets.is_empty() {
        // What the client sends meanwhile is not read.
        assert!(socket.next(false).await.unwrap().is_none());
        socket.sender().send(&mut packets);
    }
}

struct Server {
    address: SocketAddr,
    closed: mpsc::UnboundedReceiver<Option<CloseReason>>,
}

impl Server {
    async fn start(is_full: bool) -> Self {
        let (sender, closed) = mpsc::unbounded_channel();
        let options = SocketIoOptions {
            heartbeat: HeartbeatOptions { every: Duration::from_secs(25), within: Duration::from_secs(10) },
            limits: ConnectionLimits {
                messages_per_second: 10,
                message_burst: 10,
                message_bytes: MESSAGE_BYTES,
                signals: SignalTexts::NONE,
            },
            request_timeout: WITHIN,
            proxy: ProxyOptions { networks: Vec::new(), header: ForwardedHeader::XForwardedFor, protocol: false },
        };
        let server = SocketIoServer::new(options, Arc::new(Echo { closed: sender, is_full }));
        let routes: Router = server.routes();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let http = HttpOptions { timeout: WITHIN, keep_alive: WITHIN, head_bytes: 8192, acceptor: None };
        tokio::spawn(serve(listener, routes, http, std::future::pending()));
        Self { address, closed }
    }

    /// Sends a request of long polling; returns the whole answer.
    async fn poll(&self, method: &str, query: &str, body: &str) -> String {
        let mut tcp = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "{method} /socket.io/?EIO=4&transport=polling{query} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(WITHIN, tcp.read_to_string(&mut answer)).await.expect("an answer").unwrap();
        answer
    }

    /// Opens a session by long polling; returns its id.
    async fn open(&self) -> String {
        let opened = self.poll("GET", "", "").await;
        assert!(opened.contains(&format!("\"maxPayload\":{MESSAGE_BYTES}")), "{opened}");
        opened.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect(&opened).to_owned()
    }

    async fn connect(&self) -> Client {
        let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", self.address);
        let tcp = TcpStream::connect(self.address).await.unwrap();
        let (mut client, _) = client_async(url, tcp).await.unwrap();
        assert!(next_text(&mut client).await.starts_with("0{"), "the handshake of the engine");
        client.send(Message::text("40")).await.unwrap();
        assert_eq!(next_text(&mut client).await, r#"40{"sid":"id"}"#);
        client
    }

    async fn next_closed(&mut self) -> Option<CloseReason> {
        timeout(WITHIN, self.closed.recv()).await.expect("the session ends").unwrap()
    }
}

/// Waits for the next message that is neither a ping (`2`) nor the close packet (`1`) of the engine.
async fn next(client: &mut Client) -> Message {
    loop {
        let message = timeout(WITHIN, client.next()).await.expect("a message").unwrap().unwrap();
        if !matches!(&message, Message::Text(text) if ["1", "2"].contains(&text.as_str())) {
            return message;
        }
    }
}

async fn next_text(client: &mut Client) -> String {
    next(client).await.into_text().unwrap().to_string()
}

async fn close_code(client: &mut Client) -> u16 {
    let message = next(client).await;
    let Message::Close(Some(frame)) = &message else { panic!("not a close frame: {message:?}") };
    frame.code.into()
}

#[tokio::test]
async fn events_are_acknowledged_by_long_polling_and_by_websocket() {
    let server = Server::start(false).await;
    let sid = format!("&sid={}", server.open().await);
    assert!(server.poll("POST", &sid, "40\x1e427[\"a\",{\"x\":1}]").await.ends_with("ok"));
    let mut polled = String::new();
    while !polled.contains(r#"437[{"x":1}]"#) {
        let answer = server.poll("GET", &sid, "").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        polled += &answer;
    }
    assert!(polled.contains(r#"40{"sid":"id"}"#), "{polled}");
    assert!(polled.find("40{") < polled.find("437["), "{polled}");
    let mut client = server.connect().await;
    client.send(Message::text(r#"429["a",[2]]"#)).await.unwrap();
    assert_eq!(next_text(&mut client).await, "439[[2]]");
}

#[tokio::test]
async fn a_session_is_closed_with_the_code_of_its_reason() {
    let mut server = Server::start(false).await;
    let mut client = server.connect().await;
    client.send(Message::text(r#"42["close"]"#)).await.unwrap();
    assert_eq!(next_text(&mut client).await, "41");
    assert_eq!(close_code(&mut client).await, 4403);
    drop(client);
    assert_eq!(server.next_closed().await, Some(CloseReason::Forbidden));
    let mut client = server.connect().await;
    client.send(Message::text("x".repeat(MESSAGE_BYTES + 1))).await.unwrap();
    assert_eq!(close_code(&mut client).await, 4413);
    drop(client);
    assert_eq!(server.next_closed().await, Some(CloseReason::TooLarge(MESSAGE_BYTES)));
}

#[tokio::test]
async fn a_burst_of_long_polling_above_the_limit_ends_the_session() {
    let mut server = Server::start(false).await;
    let sid = format!("&sid={}", server.open().await);
    let refused = server.poll("POST", &sid, &["40"; 11].join("\x1e")).await;
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
    assert_eq!(server.next_closed().await, Some(CloseReason::TooManyMessages));
}

#[tokio::test]
async fn an_upgrade_loses_and_repeats_no_packet() {
    let server = Server::start(false).await;
    let sid = format!("&sid={}", server.open().await);
    assert!(server.poll("POST", &sid, "40").await.ends_with("ok"));
    assert!(server.poll("GET", &sid, "").await.ends_with(r#"40{"sid":"id"}"#));
    let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket{sid}", server.address);
    let (mut client, _) = client_async(url, TcpStream::connect(server.address).await.unwrap()).await.unwrap();
    client.send(Message::text("2probe")).await.unwrap();
    assert_eq!(next_text(&mut client).await, "3probe");
    assert!(server.poll("GET", &sid, "").await.ends_with('6'), "no poll waits any more");
    assert!(server.poll("POST", &sid, "421[\"a\",1]\x1e422[\"a\",2]").await.ends_with("ok"));
    for packet in ["5", r#"423["a",3]"#, r#"424["a",4]"#] {
        client.send(Message::text(packet)).await.unwrap();
    }
    for nth in 1..=4 {
        assert_eq!(next_text(&mut client).await, format!("43{nth}[{nth}]"));
    }
    for method in ["GET", "POST"] {
        let refused = server.poll(method, &sid, "").await;
        assert!(refused.starts_with("HTTP/1.1 400 ") && refused.contains(r#""code":3"#), "{refused}");
    }
}

#[tokio::test]
async fn a_session_that_closes_while_it_changes_to_a_websocket_ends_by_that() {
    let mut server = Server::start(false).await;
    let sid = format!("&sid={}", server.open().await);
    assert!(server.poll("POST", &sid, "40").await.ends_with("ok"));
    assert!(server.poll("GET", &sid, "").await.ends_with(r#"40{"sid":"id"}"#));
    let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket{sid}", server.address);
    let (mut client, _) = client_async(url, TcpStream::connect(server.address).await.unwrap()).await.unwrap();
    client.send(Message::text("2probe")).await.unwrap();
    assert_eq!(next_text(&mut client).await, "3probe");
    assert!(server.poll("POST", &sid, r#"42["close"]"#).await.ends_with("ok"));
    assert_eq!(server.next_closed().await, Some(CloseReason::Forbidden));
    client.send(Message::text("5")).await.unwrap();
    assert_eq!(next_text(&mut client).await, "41");
    assert_eq!(close_code(&mut client).await, 4403);
}

#[tokio::test]
async fn a_client_that_reads_slowly_is_sent_everything_in_order() {
    let server = Server::start(false).await;
    let mut client = server.connect().await;
    client.send(Message::text(r#"42["flood"]"#)).await.unwrap();
    for nth in 0..FLOOD {
        assert!(next_text(&mut client).await.starts_with(&format!(r#"42["{nth}","#)));
    }
}

#[tokio::test]
async fn a_client_that_is_not_admitted_gets_the_answer_of_the_handler() {
    let server = Server::start(true).await;
    let refused = server.poll("GET", "", "").await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
}
