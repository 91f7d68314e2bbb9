//! Events that are refused for their form: binary attachments, and names that are no text.

use harness::{Node, SocketIo};
use serde_json::Value;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::rooms::{opened, polling};

/// Invalid events that wait for the acknowledgement 7, each with the number of its attachments.
const EVENTS: [(&str, usize); 6] = [
    (r#"451-7["timer:start",{"_placeholder":true,"num":0}]"#, 1),
    (r#"452-7["timer:start",{"a":[{"_placeholder":true,"num":1}],"b":{"_placeholder":true,"num":0}}]"#, 2),
    (r#"451-7["unknown",{"_placeholder":true,"num":0}]"#, 1),
    (r#"451-7[{"_placeholder":true,"num":0},60]"#, 1),
    ("427[5,{}]", 0),
    ("427[null]", 0),
];

/// Checks that each event was answered by one acknowledgement and one `error`, and nothing else was sent.
fn check(packets: &[String]) {
    let count = |start: &str| packets.iter().filter(|packet| packet.starts_with(start)).count();
    assert_eq!((count("437["), count(r#"42["error","#)), (EVENTS.len(), EVENTS.len()), "{packets:?}");
    for acknowledged in packets.iter().filter_map(|packet| packet.strip_prefix("437[")) {
        let payload: Value = serde_json::from_str(acknowledged.strip_suffix(']').unwrap()).unwrap();
        assert_eq!(payload["error"]["code"], "INVALID_PAYLOAD");
    }
}

#[tokio::test]
async fn an_event_of_invalid_form_is_acknowledged_once_over_websocket() {
    let node = Node::start().await;
    let (mut ann, _) = SocketIo::host(node.public).await;
    ann.take_pending();
    for (event, attachments) in EVENTS {
        ann.say(event).await;
        for _ in 0..attachments {
            ann.client.send(Message::Binary(Bytes::from_static(b"\x01\x02"))).await;
        }
    }
    ann.say(r#"428["timer:start",60]"#).await;
    let mut packets = Vec::new();
    while !packets.last().is_some_and(|packet: &String| packet.starts_with("438[")) {
        packets.push(ann.text().await);
    }
    check(&packets);
    assert!(packets.last().unwrap().contains(r#""isRunning":true"#), "the valid event has its effect: {packets:?}");
}

#[tokio::test]
async fn a_binary_message_that_is_no_attachment_is_refused() {
    let node = Node::start().await;
    let mut client = SocketIo::connect(node.public).await;
    let binary = || Message::Binary(Bytes::from_static(b"\x01"));
    client.client.send(binary()).await;
    assert_eq!(client.next_of("error").await["code"], "INVALID_PAYLOAD");
    // The second of them is not announced, and a text ends the wait for announced ones.
    client.say(EVENTS[0].0).await;
    client.client.send(binary()).await;
    client.client.send(binary()).await;
    client.say(EVENTS[1].0).await;
    client.say("428[5]").await;
    client.client.send(binary()).await;
    let mut packets = Vec::new();
    for _ in 0..8 {
        packets.push(client.text().await);
    }
    let kinds: Vec<&str> = packets.iter().map(|packet| &packet[..3]).collect();
    assert_eq!(kinds, ["42[", "437", "42[", "42[", "437", "42[", "438", "42["], "{packets:?}");
}

#[tokio::test]
async fn an_event_of_invalid_form_is_acknowledged_once_over_long_polling() {
    let node = Node::start().await;
    let path = polling(&opened(&node).await);
    let mut sent = vec!["40".to_owned(), r#"42["session:create"]"#.to_owned()];
    for (event, attachments) in EVENTS {
        sent.push(event.to_owned());
        sent.extend(std::iter::repeat_n("bAQI=".to_owned(), attachments));
    }
    sent.push(r#"428["timer:start",60]"#.to_owned());
    assert_eq!(node.http("POST", &path, &[], sent.join("\u{1e}").as_bytes()).await.body, "ok");
    let mut packets: Vec<String> = Vec::new();
    while !packets.iter().any(|packet| packet.starts_with("438[")) {
        let answer = node.get(&path).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        packets.extend(answer.body.split('\u{1e}').map(str::to_owned));
    }
    check(&packets);
}
