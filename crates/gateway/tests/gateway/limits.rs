//! Limits on clients, and the answers when they are exceeded.

use harness::{Client, Node, SocketIo, wait_until};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use super::rooms::{opened, polling};

const FORWARDED: [(&str, &str); 2] =
    [("public.proxy.networks", "127.0.0.0/8"), ("limits.connections_per_address", "2")];

async fn counted(node: &Node, reason: &str) -> u64 {
    let metrics = node.get_internal("/metrics").await.body;
    let name = format!("tickcast_refusals_total{{reason=\"{reason}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |count| count.parse().unwrap())
}

async fn from(node: &Node, address: &str) -> Client {
    let headers = [("x-forwarded-for", address)];
    Client::connect_with(node.public, "/session?userId=ann", &headers).await
}

#[tokio::test]
async fn connections_of_an_address_are_limited() {
    let node = Node::start_with(&FORWARDED).await;
    let mut clients = Vec::new();
    for address in ["203.0.113.1", "203.0.113.1", "203.0.113.2", "2001:db8::1", "2001:db8::2"] {
        let mut client = from(&node, address).await;
        client.next_of("ready").await;
        clients.push(client);
    }
    for address in ["203.0.113.1", "2001:db8::3"] {
        assert_eq!(from(&node, address).await.closed().await, (4429, "Too many connections".to_owned()));
    }
    assert_eq!(counted(&node, "connections_of_address").await, 2);
    for transport in ["websocket", "polling"] {
        let path = format!("/socket.io/?EIO=4&transport={transport}");
        let refused = node.http("GET", &path, &[("x-forwarded-for", "203.0.113.1")], b"").await;
        assert!(refused.status == 429 && refused.header("retry-after").is_some(), "{refused:?}");
    }
    drop(clients.remove(0));
    wait_until("room", async || node.get_internal("/cluster").await.json()["connections"] == 4).await;
    from(&node, "203.0.113.1").await.next_of("ready").await;
    // The load balancer itself, with requests without a client address, is an exempt address.
    for _ in 0..3 {
        let mut client = from(&node, "nonsense").await;
        client.next_of("ready").await;
        clients.push(client);
    }
}

#[tokio::test]
async fn connections_of_an_address_are_limited_before_http_too() {
    let node = Node::start_with(&[("limits.addresses_exempt", ""), ("limits.connections_per_address", "2")]).await;
    let mut idle = Vec::new();
    for _ in 0..2 {
        let mut tcp = TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
        tcp.write_all(b"GET /api/health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        tcp.read_u8().await.expect("the connection is served");
        idle.push(tcp);
    }
    let is_refused = async || {
        let mut tcp = TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
        tcp.write_all(b"GET /api/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.ok();
        tcp.read_to_end(&mut Vec::new()).await.unwrap_or(0) == 0
    };
    wait_until("there is no room", is_refused).await;
    assert!(counted(&node, "connections_of_address").await >= 1);
    drop(idle);
    wait_until("there is room", async || !is_refused().await).await;
}

#[tokio::test]
async fn a_client_that_sends_too_many_messages_is_closed() {
    let node = Node::start_with(&[("limits.messages_per_second", "1"), ("limits.message_burst", "20")]).await;
    let mut modest = node.connect("userId=ann").await;
    for nth in 0..15 {
        modest.must("session-start", &nth.to_string(), json!({ "sessionId": "s", "label": "x" })).await;
    }
    let mut talks = node.connect("userId=ben").await;
    let mut pings = node.connect("userId=ben").await;
    let mut splits = node.connect("userId=ben").await;
    talks.next_of("ready").await;
    for _ in 0..30 {
        talks.feed(Message::text("x")).await;
        pings.feed(Message::Ping("".into())).await;
    }
    talks.flush().await;
    pings.flush().await;
    // The first fragment of a text, followed by empty fragments.
    splits.write_raw(&[0x01, 0x80, 0, 0, 0, 0]).await;
    splits.write_raw(&[0x00, 0x80, 0, 0, 0, 0].repeat(30)).await;
    for client in [&mut talks, &mut pings, &mut splits] {
        assert_eq!(client.closed().await, (4429, "Too many messages".to_owned()));
    }
    let (mut host, _) = SocketIo::host(node.public).await;
    for _ in 0..30 {
        host.emit("timer:pause", Value::Null).await;
    }
    assert_eq!(host.client.closed().await.0, 4429);
    assert_eq!(counted(&node, "messages").await, 4);
}

#[tokio::test]
async fn a_long_polling_client_that_sends_too_many_messages_is_closed() {
    let node = Node::start_with(&[("limits.messages_per_second", "1"), ("limits.message_burst", "20")]).await;
    let path = polling(&opened(&node).await);
    let packets = ["42[\"timer:pause\"]"; 30].join("\u{1e}");
    node.http("POST", &path, &[("content-type", "text/plain")], packets.as_bytes()).await;
    wait_until("its session is gone", async || node.get(&path).await.body.contains("Session ID unknown")).await;
    assert_eq!(counted(&node, "messages").await, 1);
    // Invalid packets count too, because they cost as much to read.
    let path = polling(&opened(&node).await);
    let pongs = ["3"; 30].join("\u{1e}");
    assert_eq!(node.http("POST", &path, &[("content-type", "text/plain")], pongs.as_bytes()).await.status, 429);
}

#[tokio::test]
async fn a_request_head_is_limited_to_the_byte() {
    let node = Node::start_with(&[("limits.head_bytes", "32768")]).await;
    for (bytes, status) in [(32_768, 200), (32_769, 431), (49_000, 431), (65_000, 431)] {
        let start = "GET /api/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-large: ";
        let head = format!("{start}{}\r\n\r\n", "x".repeat(bytes - start.len() - 4));
        let mut tcp = TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
        // The server may answer before it has read everything.
        tcp.write_all(head.as_bytes()).await.ok();
        let mut answer = Vec::new();
        tcp.read_to_end(&mut answer).await.ok();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{bytes} bytes: {answer}");
    }
}

#[tokio::test]
async fn oversized_requests_are_refused_and_counted() {
    let limits = [
        ("limits.message_bytes", "1000"),
        ("limits.head_bytes", "8192"),
        ("clockit.ingest_bytes", "1000"),
        ("limits.request_within", "1s"),
    ];
    let node = Node::start_with(&limits).await;
    let mut client = node.connect("userId=ann").await;
    client.say(&"x".repeat(1001)).await;
    assert_eq!(client.closed().await.0, 4413);
    let mut socket = SocketIo::connect(node.public).await;
    socket.say(&"4".repeat(1001)).await;
    assert_eq!(socket.client.closed().await.0, 4413);
    let path = polling(&opened(&node).await);
    let polled = node.http("POST", &path, &[("content-type", "text/plain")], &[b'4'; 1001]).await;
    assert_eq!(polled.status, 413);
    let body = node.http("POST", "/ingestCsv?userId=ann", &[("content-type", "text/csv")], &[b'x'; 1001]).await;
    assert_eq!(body.status, 413);
    let head = node.http("GET", "/api/health", &[("x-large", &"x".repeat(9000))], b"").await;
    assert_eq!(head.status, 431);
    let mut slow = TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
    slow.read_to_end(&mut Vec::new()).await.unwrap();
    for (reason, count) in [("message_bytes", 3), ("body_bytes", 1), ("head_bytes", 1), ("time", 1)] {
        wait_until("the refusal is counted", async || counted(&node, reason).await == count).await;
    }
}
