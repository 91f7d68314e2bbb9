//! Invalid input, faulty clients, and failures at the worst moment.

use std::time::Duration;

use harness::{DEADLINE, NO_MESSAGE_LIMIT, Node, RedisServer};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Bytes, Message};

#[tokio::test]
async fn invalid_messages_are_answered_and_the_connection_stays_open() {
    let node = Node::start().await;
    let mut client = node.connect("userId=ann").await;
    client.next_of("ready").await;
    for (text, code, field) in [
        ("nonsense", "invalid_json", ""),
        ("[1]", "invalid_message", "type"),
        (r#"{"type":"session-start","payload":{"label":7}}"#, "invalid_message", "payload.label"),
        (r#"{"type":"session-stop","payload":{}}"#, "invalid_message", "payload.sessionId"),
        (r#"{"type":"nonsense"}"#, "unknown_type", "nonsense"),
        (r#"{"type":"session-stop","payload":{"sessionId":"nobody's"}}"#, "unknown_session", ""),
    ] {
        client.say(text).await;
        let error = client.next().await;
        assert_eq!((&error["type"], &error["payload"]["code"]), (&json!("error"), &json!(code)), "{text}");
        assert!(error["payload"]["message"].as_str().unwrap().contains(field), "{error}");
        assert_eq!(error["payload"]["retry"], false);
    }
    client.send(Message::Binary(Bytes::from_static(b"{}"))).await;
    assert_eq!(client.next().await["payload"]["code"], "invalid_message");
    client.must("session-start", "a", json!({ "label": "still here" })).await;
}

#[tokio::test]
async fn a_slow_or_endless_request_times_out() {
    let node = Node::start_with(&[("limits.request_within", "300ms"), ("limits.keep_alive", "300ms")]).await;
    let head = "POST /ingestCsv?userId=ann HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\n";
    for (sent, answer) in [
        ("GET / HTTP/1.1\r\nhost:".to_owned(), ""),
        (format!("{head}content-length: 100\r\n\r\nhalf"), "HTTP/1.1 408"),
        (format!("{head}content-length: 5\r\n\r\nwhole"), "HTTP/1.1 422"),
        (format!("{head}x: {}\r\n\r\n", "y".repeat(70_000)), "HTTP/1.1 431"),
        (format!("{head}transfer-encoding: chunked\r\n\r\nnonsense\r\n"), "HTTP/1.1 400"),
    ] {
        let answered = exchange(node.public, sent.as_bytes()).await;
        assert!(answered.starts_with(answer) && (answer.is_empty() == answered.is_empty()), "{answered}");
    }
}

/// Writes bytes and reads until the other side closes.
async fn exchange(port: u16, bytes: &[u8]) -> String {
    let mut tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    // The server may answer before it has read everything.
    tcp.write_all(bytes).await.ok();
    let mut answer = Vec::new();
    timeout(DEADLINE, tcp.read_to_end(&mut answer)).await.expect("an end in time").ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn exceeded_limits_are_reported_and_change_nothing() {
    let node = Node::start_with(&[("clockit.live_sessions", "2")]).await;
    let mut client = node.connect("userId=ann&dialect=v1").await;
    client.next_of("ready").await;
    let goals: Vec<_> = (0..501).map(|nth| json!({ "id": nth.to_string(), "title": "t" })).collect();
    client.ask("session-start", Some("a"), json!({ "label": "x", "goals": goals })).await;
    let error = client.next().await;
    assert_eq!((&error["id"], &error["payload"]["code"]), (&json!("a"), &json!("limit")));
    assert!(error["payload"]["message"].as_str().unwrap().contains("500 goals"), "{error}");
    client.must("session-start", "b", json!({ "label": "one" })).await;
    client.must("session-start", "c", json!({ "label": "two" })).await;
    client.ask("session-start", Some("d"), json!({ "label": "three" })).await;
    assert_eq!(client.next_of("error").await["payload"]["code"], "limit");
    let mut again = node.connect("userId=ann").await;
    assert_eq!(again.next().await["payload"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_message_that_is_too_large_closes_the_socket_with_its_code() {
    let node = Node::start().await;
    let mut client = node.connect("userId=ann").await;
    client.next_of("ready").await;
    let label = "x".repeat(64 * 1024);
    client.ask("session-start", None, json!({ "label": label })).await;
    let (code, reason) = client.closed().await;
    assert_eq!(code, 4413, "{reason}");
    assert!(reason.contains("65536"), "{reason}");
}

#[tokio::test]
async fn invalid_utf8_closes_the_socket_with_its_code() {
    let node = Node::start().await;
    let mut client = node.connect("userId=ann").await;
    client.next_of("ready").await;
    // A masked text frame of two bytes that are not UTF-8.
    client.write_raw(&[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]).await;
    assert_eq!(client.closed().await.0, 1007);
}

#[tokio::test]
async fn an_unmasked_frame_closes_the_socket_with_its_code() {
    let node = Node::start().await;
    let mut client = node.connect("userId=ann").await;
    client.next_of("ready").await;
    client.write_raw(&[0x81, 0x02, b'{', b'}']).await;
    assert_eq!(client.closed().await.0, 1002);
}

#[tokio::test]
async fn the_session_of_another_user_is_unknown() {
    let node = Node::start().await;
    let mut ann = node.connect("userId=ann").await;
    ann.must("session-start", "a", json!({ "sessionId": "s", "label": "Ann's" })).await;
    let mut ben = node.connect("userId=ben").await;
    assert_eq!(ben.next().await["payload"], json!([]));
    for kind in ["session-stop", "session-pause", "session-resume", "session-remove"] {
        ben.ask(kind, None, json!({ "sessionId": "s" })).await;
        assert_eq!(ben.next().await["payload"]["code"], "unknown_session");
    }
    ben.must("session-start", "b", json!({ "sessionId": "s", "label": "Ben's" })).await;
    let mut ann = node.connect("userId=ann").await;
    assert_eq!(ann.next().await["payload"][0]["label"], "Ann's");
}

#[tokio::test]
async fn ten_thousand_messages_at_once_are_answered_in_order_and_delay_no_other_client() {
    const MESSAGES: usize = 10_000;
    let node = Node::start_with(&[NO_MESSAGE_LIMIT]).await;
    let mut flood = node.connect("userId=ann").await;
    let mut other = node.connect("userId=ben").await;
    flood.next_of("ready").await;
    other.next_of("ready").await;
    flood.must("session-start", "s", json!({ "sessionId": "s", "label": "x" })).await;
    let sending = async {
        let mut batch = Vec::new();
        for nth in 0..MESSAGES {
            let kind = if nth % 500 == 0 { "session-attach" } else { "session-resume" };
            let payload = json!({ "sessionId": "s", "goal": { "id": "g", "title": nth.to_string() } });
            batch.push(json!({ "type": kind, "id": nth, "payload": payload }).to_string());
        }
        for text in batch {
            flood.feed(Message::text(text)).await;
        }
        flood.flush().await;
        for nth in 0..MESSAGES {
            assert_eq!(flood.next_of("ack").await["id"], nth);
        }
    };
    let meanwhile = async {
        for nth in 0..20 {
            let began = std::time::Instant::now();
            other.must("session-start", &nth.to_string(), json!({ "sessionId": "o", "label": nth.to_string() })).await;
            assert!(began.elapsed() < Duration::from_secs(5), "another person waits for the flood");
        }
    };
    tokio::join!(sending, meanwhile);
}

#[tokio::test]
async fn a_client_that_disconnects_within_a_message_affects_no_other_client() {
    let node = Node::start().await;
    for _ in 0..50 {
        let mut client = node.connect("userId=ann").await;
        // The head of a frame of 100 bytes, and half of them.
        client.write_raw(&[0x81, 0xe4, 0, 0, 0, 0]).await;
        client.write_raw(&[b'x'; 50]).await;
        drop(client);
    }
    for nth in 0..50 {
        let mut client = node.connect("userId=ann").await;
        client.ask("session-start", None, json!({ "sessionId": nth.to_string(), "label": "x" })).await;
        client.flush().await;
        drop(client);
    }
    let mut client = node.connect("userId=ann").await;
    client.must("session-start", "a", json!({ "sessionId": "last", "label": "x" })).await;
    let mut look = tokio::time::interval(Duration::from_millis(20));
    loop {
        look.tick().await;
        if node.get_internal("/cluster").await.json()["connections"] == 1 {
            break;
        }
    }
}

#[tokio::test]
async fn acknowledged_commands_survive_a_kill() {
    let mut node = Node::start().await;
    for round in 0..5 {
        let mut client = node.connect("userId=ann&client=phone").await;
        let id = format!("s{round}");
        client.must("session-start", &id, json!({ "sessionId": id, "label": "x" })).await;
        node.kill_and_restart().await;
        let mut client = node.connect("userId=ann&client=phone").await;
        let sessions = client.next().await["payload"].clone();
        assert_eq!(sessions.as_array().unwrap().len(), round + 1, "lost after an ack: {sessions}");
        let again = client.must("session-start", &id, json!({ "sessionId": id, "label": "x" })).await;
        assert_eq!(again["rev"].as_u64().unwrap() as usize, round + 1, "the repeated command did nothing");
    }
}

#[tokio::test]
async fn a_commit_during_a_store_failure_takes_effect_once() {
    let redis = RedisServer::start();
    let mut node = Node::start_with(&[("store.url", &redis.url())]).await;
    let mut client = node.connect("userId=ann&dialect=v1").await;
    client.must("session-start", "first", json!({ "label": "warm" })).await;
    redis.freeze();
    client.ask("session-start", Some("mine"), json!({ "label": "Once" })).await;
    let error = client.next_of("error").await;
    assert_eq!((&error["id"], &error["payload"]["retry"]), (&json!("mine"), &json!(true)), "{error}");
    redis.thaw();
    let mut repeated = 0;
    let ack = loop {
        client.ask("session-start", Some("mine"), json!({ "label": "Once" })).await;
        let answer = loop {
            let message = client.next().await;
            if message["id"] == "mine" {
                break message;
            }
        };
        if answer["type"] == "ack" {
            break answer;
        }
        repeated += 1;
        assert!(repeated < 20, "{answer}");
    };
    let twice = client.must("session-start", "mine", json!({ "label": "Once" })).await;
    assert_eq!((&twice["rev"], &twice["sessionId"]), (&ack["rev"], &ack["sessionId"]));
    node.is_ready().await;
    let mut judge = node.connect("userId=ann").await;
    let labels: Vec<_> = judge.next().await["payload"].as_array().unwrap().iter().map(|s| s["label"].clone()).collect();
    assert_eq!(labels, ["warm", "Once"]);
}

#[tokio::test]
async fn an_upgrade_without_its_headers_is_refused_with_the_reason() {
    let node = Node::start().await;
    let plain = node.get("/session?userId=ann").await;
    assert_eq!(plain.status, 426, "{plain:?}");
    assert!(plain.json()["message"].as_str().unwrap().contains("WebSocket"));
    let headers = [("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-version", "13")];
    let keyless = node.http("GET", "/session?userId=ann", &headers, b"").await;
    assert_eq!(keyless.status, 426);
    assert!(keyless.json()["message"].as_str().unwrap().contains("sec-websocket-key"));
    for odd in ["dialect=latin", "client=a%0Ab", &format!("client={}", "x".repeat(201)), "client=a&client=b"] {
        let refused = node.get(&format!("/session?userId=ann&{odd}")).await;
        assert_eq!(refused.status, 400, "{odd}");
        let (name, _) = odd.split_once('=').unwrap();
        assert!(refused.json()["message"].as_str().unwrap().contains(name), "{refused:?}");
    }
}
