//! Pings, and the timeout of clients that do not answer.

use harness::{Client, DEADLINE, NO_MESSAGE_LIMIT, Node};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

/// A ping, and the start of the close frame for a missing answer.
const PING: [u8; 2] = [0x89, 0x00];
const SILENT: [u8; 2] = 4408_u16.to_be_bytes();

async fn node() -> Node {
    Node::start_with(&[("heartbeat.every", "2s"), ("heartbeat.within", "1s"), NO_MESSAGE_LIMIT]).await
}

/// A node, a client with a running timer, and a client without.
async fn ticking_and_quiet() -> (Node, Client, Client) {
    let node = node().await;
    let mut ticking = node.connect("userId=ann&dialect=v1").await;
    ticking.must("session-start", "a", json!({ "label": "runs" })).await;
    let mut quiet = node.connect("userId=ben").await;
    quiet.next_of("ready").await;
    (node, ticking, quiet)
}

/// Reads everything that is sent to a client that no longer answers.
async fn read_to_end(client: Client) -> Vec<u8> {
    let mut all = Vec::new();
    timeout(DEADLINE, client.into_tcp().read_to_end(&mut all)).await.expect("an end in time").unwrap();
    all
}

fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|some| some == part)
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_closed_with_and_without_ticks() {
    let (_node, ticking, quiet) = ticking_and_quiet().await;
    let (ticking, quiet) = tokio::join!(read_to_end(ticking), read_to_end(quiet));
    for all in [&ticking, &quiet] {
        assert!(contains(all, &PING) && all.len() > 4 && contains(all, &SILENT), "{}", String::from_utf8_lossy(all));
    }
    assert!(contains(&ticking, &[b"}".as_slice(), &PING].concat()), "a ping goes with a tick");
}

#[tokio::test]
async fn updates_do_not_keep_a_client_that_answers_no_ping() {
    let node = node().await;
    let mut silent = node.connect("userId=eve").await;
    silent.next_of("ready").await;
    let mut busy = node.connect("userId=eve").await;
    let news = async {
        for nth in 0.. {
            busy.must("session-start", &nth.to_string(), json!({ "sessionId": "s", "label": nth.to_string() })).await;
        }
    };
    tokio::select! {
        all = read_to_end(silent) => assert!(contains(&all, &SILENT), "closed for another reason"),
        () = news => unreachable!("there are always more"),
    }
}

#[tokio::test]
async fn clients_that_answer_stay_connected_with_and_without_ticks() {
    let (_node, mut ticking, mut quiet) = ticking_and_quiet().await;
    // A client that does not answer stays connected for one ping.
    for _ in 0..4 {
        tokio::join!(ticking.answer_ping(), quiet.answer_ping());
    }
    quiet.must("session-start", "b", json!({ "label": "still here" })).await;
    ticking.must("session-start", "c", json!({ "label": "still here" })).await;
}
