//! The outbox file of a Clockit client: programs that are killed, and what the server has got from them.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use harness::{Node, Proxy, free_port};
use serde_json::{Value, json};
use tickcast_client::clockit::{ClockitSnapshot, SessionStart};
use tickcast_client::{ClockitClient, CommandError, Credential, OutboxError};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use super::client::{ada, options, until, within};
use super::examples::example;

/// A run of the example, killed when dropped.
struct Program {
    process: Child,
    lines: mpsc::Receiver<String>,
}

impl Program {
    fn start(url: &str, file: &Path, label: Option<&str>) -> Self {
        let mut command = Command::new(example("outbox"));
        command.env("TICKCAST_URL", url).arg(file).args(label);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (line, lines) = mpsc::channel(8);
        std::thread::spawn(move || output.lines().map_while(Result::ok).all(|text| line.blocking_send(text).is_ok()));
        Self { process, lines }
    }

    async fn line(&mut self) -> String {
        within("a line of the program", self.lines.recv()).await.expect("the program goes on")
    }
}

impl Drop for Program {
    /// Ends the program by SIGKILL: it learns nothing of it.
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[tokio::test]
async fn a_killed_program_loses_no_command_and_sends_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("commands.json");
    let proxy = Proxy::start(free_port()).await;
    let url = format!("http://127.0.0.1:{}", proxy.port());
    for (label, waiting) in [("Write", "1 commands wait"), ("Read", "2 commands wait")] {
        let mut program = Program::start(&url, &file, Some(label));
        assert_eq!(program.line().await, waiting);
        drop(program);
    }
    let node = Node::start().await;
    proxy.redirect_to(node.public);
    let mut program = Program::start(&url, &file, None);
    assert_eq!(program.line().await, "none waits");
    drop(program);
    let ada = ada(node.public);
    let snapshot = until("the sessions", &mut ada.subscribe(), |snapshot| snapshot.is_loaded).await;
    let labels: Vec<&str> = snapshot.sessions.iter().map(|session| session.state.label.as_str()).collect();
    assert_eq!(labels, ["Write", "Read"]);
}

#[tokio::test]
#[expect(clippy::result_large_err, reason = "the library's callback has this error")]
async fn a_command_whose_answer_was_lost_with_the_program_is_repeated_under_its_id_and_client() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("commands.json");
    let mut seen = Vec::new();
    for label in [Some("Write"), None] {
        let mut program = Program::start(&url, &file, label);
        let (stream, _) = within("a connection", listener.accept()).await.unwrap();
        let mut path = String::new();
        let note_path = |request: &Request, response: Response| {
            path = request.uri().to_string();
            Ok(response)
        };
        let mut socket = accept_hdr_async(stream, note_path).await.unwrap();
        let ready = json!({ "type": "ready", "payload": [], "serverTime": 12_000, "rev": 0 });
        socket.send(Message::text(ready.to_string())).await.unwrap();
        let command = loop {
            let frame = within("a command", socket.next()).await.unwrap().unwrap();
            let message: Value = serde_json::from_str(frame.to_text().unwrap()).unwrap_or_default();
            if message["type"] == "session-start" {
                break message;
            }
        };
        if label.is_none() {
            let answer = json!({ "type": "ack", "id": command["id"], "rev": 1, "sessionId": "s" });
            socket.send(Message::text(answer.to_string())).await.unwrap();
            assert_eq!(program.line().await, "none waits");
        }
        seen.push((path, command));
        drop(program);
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_second_client_gets_an_error_and_a_closed_one_leaves_its_commands_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("commands.json");
    let proxy = Proxy::start(free_port()).await;
    let options = options(proxy.port()).credential(Credential::user("ada"));
    let first = ClockitClient::open_with_outbox(options.clone(), &file).unwrap();
    let second = ClockitClient::open_with_outbox(options.clone(), &file).unwrap_err();
    assert_eq!(second, OutboxError::InUse { path: file.clone() });
    let starting = first.clone();
    let started = tokio::spawn(async move { starting.start(&SessionStart::new("Write")).await });
    until("the command", &mut first.subscribe(), |snapshot| snapshot.pending == 1).await;
    first.close().await;
    assert_eq!(started.await.unwrap(), Err(CommandError::Stored));

    let node = Node::start().await;
    proxy.redirect_to(node.public);
    let next = ClockitClient::open_with_outbox(options, &file).unwrap();
    let holds = |snapshot: &Arc<ClockitSnapshot>| snapshot.pending == 0 && snapshot.sessions.len() == 1;
    until("the session", &mut next.subscribe(), holds).await;
}
