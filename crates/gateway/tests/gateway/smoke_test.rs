//! `tickcast smoke-test` against nodes, and against servers that are none.

use std::path::Path;
use std::process::{Command, Output};

use futures_util::{SinkExt, StreamExt};
use harness::{Certificates, Client, Node, Tunnel, binary, free_port};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

const TOKEN: &str = "a token of ann with 32 characters";

/// A node that admits users with tokens only.
async fn node_with_tokens(more: &[(&str, &str)]) -> Node {
    let tokens = format!("{TOKEN}=ann");
    let settings = [
        ("mode", "production"),
        ("auth.modes", "jwt"),
        ("auth.jwt.secret", "a secret of sixteen bytes"),
        ("auth.tokens", &tokens),
        ("auth.first_message_within", "1s"),
    ];
    Node::start_with(&[&settings, more].concat()).await
}

fn url(node: &Node) -> String {
    format!("ws://127.0.0.1:{}/session", node.public)
}

/// Runs the test, and checks its exit code and that it says the texts.
async fn check(arguments: &[&str], code: i32, texts: &[&str]) {
    let mut command = Command::new(binary());
    command.arg("smoke-test").args(arguments);
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8([stdout, stderr].concat()).unwrap();
    assert_eq!(status.code(), Some(code), "{arguments:?}: {said}");
    for text in texts {
        assert!(said.contains(text), "{arguments:?}: no `{text}` in {said}");
    }
}

fn token_file(folder: &TempDir, content: &str) -> String {
    let file = folder.path().join("token");
    std::fs::write(&file, content).unwrap();
    file.to_string_lossy().into_owned()
}

#[tokio::test]
async fn a_user_sees_two_ticks_of_a_timer_and_no_trace_of_it_remains() {
    let (node, folder) = (node_with_tokens(&[]).await, tempfile::tempdir().unwrap());
    let file = token_file(&folder, &format!("{TOKEN}\n"));
    check(&[&url(&node), "--token-file", &file], 0, &["connected after", "ms a second later"]).await;
    let mut ann = Client::connect(node.public, &format!("/session?token={}", TOKEN.replace(' ', "%20"))).await;
    assert_eq!(ann.next_of("ready").await["sessions"], json!([]));
    let history = node.http("GET", "/sessions", &[("authorization", &format!("Bearer {TOKEN}"))], b"").await;
    assert_eq!(history.json()["sessions"], json!([]));
}

#[tokio::test]
async fn a_guest_is_enough_where_guests_are_admitted() {
    let node = Node::start().await;
    check(&[&url(&node)], 0, &["ms a second later"]).await;
}

#[tokio::test]
async fn a_missing_or_wrong_token_is_named() {
    let (node, folder) = (node_with_tokens(&[]).await, tempfile::tempdir().unwrap());
    check(&[&url(&node)], 69, &["4401", "--token-file", "guests are not admitted"]).await;
    let wrong = token_file(&folder, "another token of 16 bytes and more");
    check(&[&url(&node), "--token-file", &wrong], 69, &["4401", "the token is not accepted"]).await;
    let empty = token_file(&folder, " \n");
    check(&[&url(&node), "--token-file", &empty], 66, &["the file has no token"]).await;
    let broken = token_file(&folder, "two\nlines");
    check(&[&url(&node), "--token-file", &broken], 66, &["no header"]).await;
    let absent = folder.path().join("absent").to_string_lossy().into_owned();
    check(&[&url(&node), "--token-file", &absent], 66, &["absent", "No such file"]).await;
}

#[tokio::test]
async fn certificates_are_verified() {
    let certificates = Certificates::make();
    let file = |path: &Path| path.to_string_lossy().into_owned();
    let (certificate, key) = (file(&certificates.certificate()), file(&certificates.key()));
    let tls = [("public.tls.certificate_file", certificate.as_str()), ("public.tls.key_file", key.as_str())];
    let node = Node::start_with(&tls).await;
    let address = url(&node).replace("ws:", "wss:");
    let authority = file(&certificates.authority());
    check(&[&address, "--ca-file", &authority], 0, &["ms a second later"]).await;
    check(&[&address], 69, &["no connection by TLS", "certificate"]).await;
    check(&[&address, "--ca-file", "/nowhere"], 66, &["/nowhere"]).await;
    check(&[&url(&node)], 69, &["127.0.0.1"]).await;
    let tunnel = Tunnel::start(node.public, &certificates.authority());
    check(&[&format!("ws://127.0.0.1:{}/session", tunnel.port())], 0, &["ms a second later"]).await;
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_told_apart_from_one_that_refuses() {
    check(&[&format!("ws://127.0.0.1:{}/session", free_port())], 69, &["no connection", "refused"]).await;
    let node = Node::start_with(&[("clockit.enabled", "false")]).await;
    check(&[&url(&node)], 69, &["404", "Clockit is disabled"]).await;
    check(&[&format!("ws://127.0.0.1:{}/nowhere", node.public)], 69, &["404", "the path may be wrong"]).await;
    node.freeze();
    check(&[&url(&node), "--timeout", "1s"], 69, &["did not end within 1 s", "no connection was made"]).await;
    node.thaw();
}

#[tokio::test]
async fn an_invalid_command_line_is_refused() {
    check(&["http://timers/session"], 2, &["must begin with ws:// or wss://"]).await;
    check(&["timers"], 2, &["must begin with ws:// or wss://"]).await;
    check(&[""], 2, &["the address \"\" is invalid"]).await;
    check(&["ws://timers/session", "--timeout", "soon"], 2, &["soon", "it must be a duration"]).await;
    check(&[], 2, &["<URL>"]).await;
}

#[tokio::test]
async fn ticks_that_are_not_a_second_apart_are_a_failure() {
    check_stand_in(&[1000, 3000], 65, &["1000 ms and 3000 ms"]).await;
    check_stand_in(&[1000, 1000], 65, &["1000 ms and 1000 ms"]).await;
    check_stand_in(&[1000, 2000], 0, &["ms a second later"]).await;
    check_stand_in(&[1000], 69, &["did not end within 1 s: the timer runs, and two ticks did not arrive"]).await;
}

/// Runs the test against a server that shows these times.
async fn check_stand_in(times: &'static [u64], code: i32, texts: &[&str]) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("ws://{}/session", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        serve(accept_async(tcp).await.unwrap(), times).await;
    });
    check(&[&address, "--timeout", "1s"], code, texts).await;
    server.abort();
}

async fn serve(mut socket: WebSocketStream<TcpStream>, times: &[u64]) {
    let text = |value: Value| Message::text(value.to_string());
    socket.send(text(json!({ "type": "ready", "payload": [] }))).await.unwrap();
    while let Some(Ok(Message::Text(message))) = socket.next().await {
        let message: Value = serde_json::from_str(&message).unwrap();
        socket.send(text(json!({ "type": "ack", "id": message["id"] }))).await.unwrap();
        if message["type"] == "session-start" {
            // Another timer of the same user ticks too.
            for time in times {
                let tick = |session: &Value, ms| json!({ "sessionId": session, "elapsedMs": ms, "running": true });
                let ticks = json!([tick(&json!("other"), 7), tick(&message["payload"]["sessionId"], *time)]);
                socket.send(text(json!({ "type": "tick", "payload": ticks }))).await.unwrap();
            }
        }
    }
}
