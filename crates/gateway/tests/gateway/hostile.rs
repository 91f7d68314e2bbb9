//! Hostile clients.

use std::time::{Duration, Instant};

use harness::http::UPGRADE;
use harness::{Client, DEADLINE, NO_MESSAGE_LIMIT, Node, Pipe, Proxy, SocketIo, wait_until};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

/// Checks that another client is served meanwhile.
async fn is_served(node: &Node) {
    let mut client = node.connect("userId=honest").await;
    client.must("session-start", "a", json!({ "sessionId": "s", "label": "x" })).await;
    SocketIo::host(node.public).await;
    assert_eq!(node.get("/api/health").await.status, 200);
}

#[tokio::test]
async fn a_head_sent_byte_by_byte_times_out_and_blocks_no_other_client() {
    let node = Node::start_with(&[("limits.request_within", "2s")]).await;
    let begun = Instant::now();
    let mut slow = Vec::new();
    for _ in 0..500 {
        let mut tcp = TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
        tcp.write_all(b"GET /session?userId=ann HTTP/1.1\r\n").await.unwrap();
        slow.push(tcp);
    }
    is_served(&node).await;
    for (nth, tcp) in slow.iter_mut().enumerate() {
        // Single bytes do not extend the time limit.
        tcp.write_all(format!("x-{nth}: y\r\n").as_bytes()).await.ok();
        assert!(
            tokio::time::timeout(DEADLINE, tcp.read_to_end(&mut Vec::new())).await.is_ok(),
            "the connection is not closed"
        );
    }
    assert!(begun.elapsed() < Duration::from_secs(20));
    is_served(&node).await;
}

#[tokio::test]
async fn missing_bodies_block_no_other_client() {
    let node = Node::start().await;
    let mut silent = Vec::new();
    for path in ["/timesync", "/ingestCsv?userId=eve"] {
        for _ in 0..40 {
            let mut tcp = TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
            let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 80\r\n\r\n");
            tcp.write_all(head.as_bytes()).await.unwrap();
            silent.push(tcp);
        }
    }
    let asked = br#"{"jsonrpc":"2.0","id":"1","method":"timesync"}"#;
    for _ in 0..3 {
        assert_eq!(node.http("POST", "/timesync", &[], asked).await.status, 200);
    }
    let headers = [("content-type", "application/json")];
    let sent = node.http_internal("POST", "/admin/disconnect", &headers, br#"{"user":"eve"}"#).await;
    assert_eq!(sent.status, 202);
    is_served(&node).await;
}

/// Announces a large file, sends little of it, and leaves the socket open.
async fn slow_ingest(node: &Node, user: &str, sent: usize) -> TcpStream {
    let mut tcp = TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
    let head = format!("POST /ingestCsv?userId={user} HTTP/1.1\r\nhost: x\r\ncontent-length: 1100000\r\n\r\n");
    tcp.write_all(head.as_bytes()).await.unwrap();
    tcp.write_all(&vec![b'x'; sent]).await.unwrap();
    tcp
}

/// Users who each send one file, and slowly.
const EVES: usize = 40;

#[tokio::test]
async fn slow_files_keep_no_other_client_from_sending_its_own() {
    let node = Node::start_with(&[("limits.request_within", "5m")]).await;
    let large = format!("2026-01-01T10:00:00Z,2026-01-01T10:00:00Z,,,,,,,{}\n", "x".repeat(60_000)).repeat(100);
    let headers = [("content-type", "text/csv")];
    let mut slow = Vec::new();
    for nth in 0..EVES {
        slow.push(slow_ingest(&node, &format!("eve{nth}"), 1).await);
    }
    let sent = node.http("POST", "/ingestCsv?userId=ann", &headers, large.as_bytes()).await;
    assert_eq!((sent.status, sent.json()), (200, json!({ "stored": 1, "repeated": 99 })));
    // One user has only a few at once.
    for _ in 0..4 {
        slow.push(slow_ingest(&node, "mallory", 1).await);
    }
    wait_until("a refusal", async || {
        let refused = node.http("POST", "/ingestCsv?userId=mallory", &headers, b"").await;
        refused.status == 429 && refused.header("retry-after") == Some("1")
    })
    .await;
    assert_eq!(node.http("POST", "/ingestCsv?userId=ann", &headers, large.as_bytes()).await.status, 200);
    // All are sent away long before `limits.request_within`. A request of the loop above may have been before mallory's last.
    for (nth, tcp) in slow.iter_mut().enumerate() {
        let mut answer = Vec::new();
        tokio::time::timeout(DEADLINE, tcp.read_to_end(&mut answer)).await.expect("an answer").ok();
        let is_refused = nth >= EVES && answer.starts_with(b"HTTP/1.1 429");
        assert!(is_refused || answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn a_client_that_reads_no_answers_is_closed() {
    let node = Node::start_with(&[("limits.request_within", "1s")]).await;
    let mut tcp = TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
    let ask = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(200);
    // It sends requests until no more are accepted, and reads nothing.
    let asking = async { while tcp.write_all(&ask).await.is_ok() {} };
    tokio::time::timeout(DEADLINE, asking).await.expect("the connection is not closed");
    let metrics = node.get_internal("/metrics").await.body;
    assert!(metrics.contains("tickcast_refusals_total{reason=\"time\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_client_that_sends_nothing_after_the_handshake_is_closed() {
    let settings = [
        ("auth.modes", "jwt"),
        ("auth.jwt.secret", "a secret of sixteen bytes"),
        ("auth.first_message_within", "1s"),
        ("limits.request_within", "1s"),
    ];
    let node = Node::start_with(&settings).await;
    let mut waiting = Vec::new();
    for _ in 0..100 {
        waiting.push(node.connect("").await);
        waiting.push(SocketIo::open(node.public, "").await.client);
    }
    for client in &mut waiting {
        let (code, _) = client.closed().await;
        assert!([4401, 1002].contains(&code), "{code}");
    }
    wait_until("no connections", async || node.get_internal("/cluster").await.json()["connections"] == 0).await;
}

#[tokio::test]
async fn a_client_that_vanishes_without_closing_is_detected() {
    let node = Node::start_with(&[("heartbeat.every", "1s"), ("heartbeat.within", "1s")]).await;
    let proxy = Proxy::start(node.public).await;
    let mut gone = Vec::new();
    for _ in 0..20 {
        let mut client = Client::connect(proxy.port(), "/session?userId=ann").await;
        client.next_of("ready").await;
        gone.push(client);
        gone.push(SocketIo::connect(proxy.port()).await.client);
    }
    // The link drops everything, and neither side is notified.
    proxy.set(Pipe::Dropped, Pipe::Dropped);
    wait_until("no connections", async || node.get_internal("/cluster").await.json()["connections"] == 0).await;
}

#[tokio::test]
async fn a_million_tiny_frames_close_only_their_connection() {
    let node = Node::start().await;
    let empty_part = [0x00, 0x80, 0, 0, 0, 0];
    for path in ["/session?userId=eve", "/socket.io/?EIO=4&transport=websocket"] {
        let mut client = Client::connect(node.public, path).await.into_tcp();
        client.write_all(&[0x01, 0x80, 0, 0, 0, 0]).await.unwrap();
        let mut sent = 0;
        let frames = empty_part.repeat(1000);
        while sent < 1_000_000 && client.write_all(&frames).await.is_ok() {
            sent += 1000;
        }
        let mut answer = Vec::new();
        tokio::time::timeout(DEADLINE, client.read_to_end(&mut answer)).await.expect("an end").ok();
        is_served(&node).await;
    }
    let metrics = node.get_internal("/metrics").await.body;
    assert!(metrics.contains("tickcast_refusals_total{reason=\"messages\"} 2"), "{metrics}");
}

#[tokio::test]
async fn a_flood_of_pings_is_answered_or_closed_and_blocks_no_other_client() {
    let node = Node::start_with(&[NO_MESSAGE_LIMIT, ("limits.messages_per_second", "1000000")]).await;
    let mut client = node.connect("userId=eve").await;
    client.next_of("ready").await;
    for _ in 0..100_000 {
        client.feed(Message::Ping("12345678".into())).await;
    }
    let flooding = async {
        client.flush().await;
        client
    };
    let (mut client, ()) = tokio::join!(flooding, is_served(&node));
    client.must("session-start", "a", json!({ "label": "x" })).await;
    is_served(&node).await;
}

#[tokio::test]
async fn compression_is_not_negotiated_and_a_compressed_frame_closes_the_connection() {
    let node = Node::start().await;
    let mut request =
        b"GET /session?userId=eve HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n".to_vec();
    request.extend(b"sec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n");
    request.extend(b"sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n\r\n");
    let mut tcp = TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
    tcp.write_all(&request).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tcp.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101") && !head.contains("extensions"), "{head}");
    // A text frame with the bit that marks compression.
    tcp.write_all(&[0xc1, 0x81, 0, 0, 0, 0, b'x']).await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(DEADLINE, tcp.read_to_end(&mut rest)).await.expect("an end").unwrap();
    let protocol_error = [&[0x88, 16][..], &1002_u16.to_be_bytes(), b"Protocol error"].concat();
    assert!(rest.ends_with(&protocol_error), "{rest:?}");
    // A compressed body is not decompressed either.
    let headers = [("content-type", "text/csv"), ("content-encoding", "gzip")];
    let bomb = [&[0x1f, 0x8b, 8, 0][..], &[0; 1000]].concat();
    assert_eq!(node.http("POST", "/ingestCsv?userId=eve", &headers, &bomb).await.status, 415);
}

#[tokio::test]
async fn an_invalid_upgrade_is_refused() {
    let node = Node::start().await;
    for path in ["/session?userId=eve", "/socket.io/?EIO=4&transport=websocket"] {
        for missing in UPGRADE {
            let headers: Vec<(&str, &str)> = UPGRADE.into_iter().filter(|header| *header != missing).collect();
            assert_eq!(node.http("GET", path, &headers, b"").await.status, 426, "{path} without {}", missing.0);
        }
        let mut wrong = UPGRADE;
        wrong[3].1 = "short";
        assert_eq!(node.http("GET", path, &wrong, b"").await.status, 426);
        let mut old = UPGRADE;
        old[2].1 = "8";
        let refused = node.http("GET", path, &old, b"").await;
        let offer = ["sec-websocket-version", "upgrade"].map(|name| refused.header(name).unwrap());
        assert_eq!((refused.status, offer), (426, ["13", "websocket"]), "{refused:?}");
        assert!(refused.header("connection").unwrap().starts_with("upgrade"), "{refused:?}");
        let head = UPGRADE.map(|(name, value)| format!("{name}: {value}\r\n")).concat();
        let mut tcp = TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
        tcp.write_all(format!("GET {path} HTTP/1.0\r\nhost: x\r\n{head}\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await.unwrap();
        assert!(answer.split_once(' ').is_some_and(|(_, status)| status.starts_with("426")), "{answer}");
    }
    wait_until("no connections", async || node.get_internal("/cluster").await.json()["connections"] == 0).await;
}
