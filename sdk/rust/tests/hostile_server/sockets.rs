//! Clockit clients: nonsense, closes, and servers that end suddenly.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use harness::DEADLINE;
use serde_json::{Value, json};
use tickcast_client::clockit::ClockitSnapshot;
use tickcast_client::{ClientOptions, ClockitClient, ConnectionError, ConnectionState, Credential};
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::server::{Server, send};

fn open(server: &Server) -> ClockitClient {
    ClockitClient::open(ClientOptions::new(&server.url).unwrap().credential(Credential::user("ada")))
}

fn ready() -> Value {
    json!({ "type": "ready", "payload": [running("s"), null, { "sessionId": "t" }], "serverTime": 12_000, "rev": 1 })
}

fn running(id: &str) -> Value {
    json!({
        "sessionId": id, "userId": "ada", "label": id, "startedAt": 10_000, "accumulatedMs": 0, "running": true,
        "goals": [],
    })
}

/// Waits for a snapshot, and makes the client try again at once instead of after its backoff.
async fn until(
    client: &ClockitClient,
    what: &str,
    mut holds: impl FnMut(&ClockitSnapshot) -> bool,
) -> Arc<ClockitSnapshot> {
    let mut snapshots: watch::Receiver<Arc<ClockitSnapshot>> = client.subscribe();
    let waiting = async {
        loop {
            let snapshot = snapshots.borrow_and_update().clone();
            if holds(&snapshot) {
                return snapshot;
            }
            if matches!(snapshot.connection, ConnectionState::Offline { .. }) {
                client.retry_now().await;
            }
            snapshots.changed().await.unwrap();
        }
    };
    timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("timed out waiting for {what}"))
}

#[tokio::test]
async fn nonsense_before_and_after_the_handshake_changes_nothing() {
    let server = Server::start(|stream, _| async move {
        let mut socket = accept_async(stream).await.unwrap();
        let long = "x".repeat(100_000);
        let nonsense = [
            "",
            "{",
            "[]",
            "null",
            r#""ready""#,
            r#"{"type":"ready","payload":{}}"#,
            r#"{"type":"tick","payload":"x"}"#,
            r#"{"type":"ack"}"#,
            r#"{"type":"going-away","payload":{"withinMs":-1}}"#,
            r#"{"type":"error"}"#,
            "\u{0}",
            &long,
        ];
        for begins in [true, false] {
            for text in nonsense {
                socket.send(Message::text(text)).await.unwrap();
            }
            socket.send(Message::binary(vec![0, 1, 2])).await.unwrap();
            if begins {
                send(&mut socket, &ready()).await;
            }
        }
        send(&mut socket, &json!({ "type": "a later version", "payload": [] })).await;
        send(&mut socket, &json!({ "type": "session-update", "payload": running("last"), "rev": 2 })).await;
        while socket.next().await.is_some() {}
    })
    .await;
    let client = open(&server);
    let snapshot = until(&client, "the last message", |snapshot| snapshot.session("last").is_some()).await;
    let ids: Vec<&str> = snapshot.sessions.iter().map(|session| session.state.session_id.as_str()).collect();
    assert_eq!((ids, server.dials.load(Ordering::SeqCst)), (vec!["s", "last"], 1));
}

#[tokio::test]
async fn each_close_code_is_followed_by_a_reconnect_or_by_none() {
    let cases = [
        (1000, "", true),
        (1001, "", true),
        (1002, "", true),
        (1011, "", true),
        (1012, r#"{"reconnectAfterMs":5}"#, true),
        (1013, r#"{"reconnectAfterMs":5}"#, true),
        (1013, "nonsense", true),
        (4408, "", true),
        (4413, "", true),
        (4429, "", true),
        (4401, "Unauthorized", false),
        (4403, "Forbidden", false),
    ];
    for (code, reason, reconnects) in cases {
        let server = Server::start(move |stream, nth| async move {
            let mut socket = accept_async(stream).await.unwrap();
            send(&mut socket, &ready()).await;
            if nth == 1 {
                let frame = CloseFrame { code: code.into(), reason: reason.into() };
                socket.close(Some(frame)).await.unwrap();
            }
            while let Some(Ok(_)) = socket.next().await {}
        })
        .await;
        let client = open(&server);
        let dials = Arc::clone(&server.dials);
        let what = format!("the effect of {code} {reason}");
        let ended = until(&client, &what, |snapshot| {
            let is_online_again = snapshot.connection == ConnectionState::Online && dials.load(Ordering::SeqCst) == 2;
            is_online_again || matches!(snapshot.connection, ConnectionState::Refused(_))
        });
        let ended = ended.await;
        if let ConnectionState::Refused(refused) = &ended.connection {
            assert_eq!((refused.code, reconnects), (code, false));
        } else {
            assert!(reconnects, "{code}: {:?}", ended.connection);
        }
    }
}

#[tokio::test]
async fn servers_that_end_suddenly_refuse_or_speak_no_http_are_tried_again() {
    let server = Server::start(|mut stream, nth| async move {
        match nth {
            // The connection ends before and within the handshake, and after it without a close.
            1 => {}
            2 => drop(stream.write_all(b"HTTP/1.1 101 Swi").await),
            3 => drop(stream.write_all(b"no HTTP at all\r\n\r\n").await),
            4 => drop(stream.write_all(b"HTTP/1.1 503 Busy\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n").await),
            5 => {
                let mut socket = accept_async(stream).await.unwrap();
                send(&mut socket, &ready()).await;
            }
            _ => {
                let mut socket = accept_async(stream).await.unwrap();
                send(&mut socket, &ready()).await;
                while let Some(Ok(_)) = socket.next().await {}
            }
        }
    })
    .await;
    let client = open(&server);
    let mut errors = Vec::new();
    let dials = Arc::clone(&server.dials);
    let online = until(&client, "a good connection", |snapshot| {
        if let ConnectionState::Offline { error, .. } = &snapshot.connection {
            errors.push(ConnectionError::clone(error));
        }
        snapshot.connection == ConnectionState::Online && dials.load(Ordering::SeqCst) == 6
    });
    online.await;
    let busy = ConnectionError::Handshake { status: 503, retry_after: Some(Duration::from_secs(1)) };
    assert!(errors.contains(&busy), "{errors:?}");
    assert!(errors.iter().all(|error| *error == busy || matches!(error, ConnectionError::Lost { .. })), "{errors:?}");
}
