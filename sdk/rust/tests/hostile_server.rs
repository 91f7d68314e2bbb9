//! Clients against servers on real sockets that misbehave.

#![allow(clippy::unwrap_used, reason = "a test fails when it cannot continue")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use harness::DEADLINE;
use serde_json::{Value, json};
use tickcast_client::clockit::ClockitSnapshot;
use tickcast_client::studio::StudioEvent;
use tickcast_client::{
    ClientOptions, ClockitClient, ConnectionError, ConnectionState, Credential, HttpError, PunchClockClient,
    RoomsClient, StudioClient,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_async};

/// A server that counts its connections.
struct Server {
    url: String,
    dials: Arc<AtomicUsize>,
}

impl Server {
    /// Starts a server; `serve` gets each connection and its number, from 1 on.
    async fn start<F: Future<Output = ()> + Send + 'static>(
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

    fn client(&self) -> ClockitClient {
        ClockitClient::open(ClientOptions::new(&self.url).unwrap().credential(Credential::user("ada")))
    }
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

async fn send(socket: &mut WebSocketStream<TcpStream>, message: &Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
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
    let client = server.client();
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
        let client = server.client();
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
    let client = server.client();
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

#[tokio::test]
async fn a_room_survives_nonsense_and_a_server_that_sends_no_pings_is_given_up() {
    let sockets = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |stream, _| serve_room(stream, Arc::clone(&sockets))).await;
    let client = RoomsClient::open(ClientOptions::new(&server.url).unwrap());
    let mut snapshots = client.subscribe();
    let offline = snapshots.wait_for(|snapshot| matches!(snapshot.connection, ConnectionState::Offline { .. }));
    timeout(DEADLINE, offline).await.unwrap().unwrap();
    client.retry_now().await;
    let refused = snapshots
        .wait_for(|snapshot| matches!(&snapshot.connection, ConnectionState::Refused(refused) if refused.code == 4403));
    timeout(DEADLINE, refused).await.unwrap().unwrap();
}

async fn serve_room(stream: TcpStream, sockets: Arc<AtomicUsize>) {
    // Requests for the time come on connections of their own, which this server does not answer.
    let Ok(mut socket) = accept_async(stream).await else { return };
    let open = json!({ "sid": "x", "upgrades": [], "pingInterval": 100, "pingTimeout": 100 });
    socket.send(Message::text(format!("0{open}"))).await.unwrap();
    for text in ["", "4", "42", "42{", "43", "6", "42[\"timer:state\",{}]", r#"40{"sid":"y"}"#] {
        socket.send(Message::text(text)).await.unwrap();
    }
    if sockets.fetch_add(1, Ordering::SeqCst) > 0 {
        socket.send(Message::text("41")).await.unwrap();
        let frame = CloseFrame { code: 4403.into(), reason: "Forbidden".into() };
        socket.close(Some(frame)).await.unwrap();
    }
    while let Some(Ok(_)) = socket.next().await {}
}

/// Answers an HTTP request by its first line and its body, or returns the stream of a WebSocket.
async fn answer_http(mut stream: TcpStream, answer: impl Fn(&str, &str) -> (u16, String)) -> Option<TcpStream> {
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

fn is_complete(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

#[tokio::test]
async fn an_organisation_survives_nonsense_and_is_loaded_when_the_server_has_it() {
    let loads = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |stream, _| serve_organisation(stream, Arc::clone(&loads))).await;
    let client = StudioClient::open(ClientOptions::new(&server.url).unwrap());
    let mut events = client.events();
    let mut failures = Vec::new();
    while failures.len() < 4 {
        if let Ok(StudioEvent::Load(error)) = timeout(DEADLINE, events.next()).await.unwrap().unwrap() {
            failures.push(error);
            client.reload().await;
        }
    }
    let is_invalid = |error: &HttpError| matches!(error, HttpError::InvalidAnswer { .. });
    assert!(failures[..3].iter().all(is_invalid) && failures[3].status() == Some(503), "{failures:?}");
    let mut snapshots = client.subscribe();
    let loaded = timeout(DEADLINE, snapshots.wait_for(|snapshot| snapshot.is_loaded)).await.unwrap().unwrap().clone();
    assert!(loaded.load_error.is_none() && loaded.entries.is_empty() && loaded.task_types.is_empty());
}

async fn serve_organisation(stream: TcpStream, loads: Arc<AtomicUsize>) {
    let answer = |line: &str, _: &str| {
        let success = |data: Value| (200, json!({ "result": { "data": data } }).to_string());
        if line.contains("taskTypes.list") {
            return success(json!([]));
        }
        match loads.fetch_add(usize::from(line.contains("timeEntries.list")), Ordering::SeqCst) {
            0 => (200, "<html>".to_owned()),
            1 => success(json!({ "entries": [{ "id": 1, "startTime": "soon" }] })),
            2 => success(json!(null)),
            3 => (503, "not JSON".to_owned()),
            _ => success(json!({ "entries": [], "stats": { "totalHours": 0, "totalCost": 0 } })),
        }
    };
    let Some(stream) = answer_http(stream, answer).await else { return };
    let mut socket = accept_async(stream).await.unwrap();
    let open = json!({ "sid": "x", "upgrades": [], "pingInterval": 25_000, "pingTimeout": 20_000 });
    let started = json!({ "timeEntryId": "1", "startTime": 7, "serverTime": "now" });
    let texts = [format!("0{open}"), r#"40{"sid":"y"}"#.to_owned(), format!(r#"42["timer:started",{started}]"#)];
    for text in texts.into_iter().chain(["42[\"timer:stopped\"]", "43", "42[\"error\",7]"].map(str::to_owned)) {
        socket.send(Message::text(text)).await.unwrap();
    }
    while let Some(Ok(_)) = socket.next().await {}
}

#[tokio::test]
async fn a_punch_is_repeated_under_its_id_after_an_answer_that_is_none() {
    let posted = Arc::new(Mutex::new(Vec::new()));
    let received = Arc::clone(&posted);
    let server = Server::start(move |stream, _| serve_day(stream, Arc::clone(&received))).await;
    let client = PunchClockClient::open(ClientOptions::new(&server.url).unwrap());
    let mut snapshots = client.subscribe();
    timeout(DEADLINE, snapshots.wait_for(|snapshot| snapshot.day.is_some())).await.unwrap().unwrap();
    let stored = timeout(DEADLINE, client.clock_in()).await.unwrap().unwrap();
    let posted = posted.lock().unwrap().clone();
    assert!(posted.len() >= 2 && posted.iter().all(|body| *body == posted[0]), "{posted:?}");
    assert_eq!(stored.day.entries.len(), 0);
}

async fn serve_day(stream: TcpStream, posted: Arc<Mutex<Vec<String>>>) {
    let day = json!({
        "userId": "ada", "userEmail": "", "userName": "", "currentStatus": "OUT", "entries": [],
        "dailyStats": { "totalWorkMinutes": 0, "totalBreakMinutes": 0, "isComplete": false }, "currentTheme": "minimal",
        "lastActiveDate": "2026-11-20", "lastActivity": "2026-11-20T12:00:00.000Z", "sessionStartTime": null,
        "createdAt": "2026-11-20T12:00:00.000Z", "updatedAt": "2026-11-20T12:00:00.000Z",
    });
    let answer = |line: &str, body: &str| {
        if !line.starts_with("POST /api/session ") {
            return (404, String::new());
        }
        let mut posted = posted.lock().unwrap();
        posted.push(body.to_owned());
        if posted.len() == 1 { (200, "<html>".to_owned()) } else { (200, json!({ "data": day }).to_string()) }
    };
    let Some(stream) = answer_http(stream, answer).await else { return };
    let mut socket = accept_async(stream).await.unwrap();
    for nonsense in
        ["{", r#"{"type":"session","payload":{"entries":7}}"#, r#"{"type":"session"}"#, r#"{"type":"error"}"#]
    {
        socket.send(Message::text(nonsense)).await.unwrap();
    }
    send(&mut socket, &json!({ "type": "session", "payload": day })).await;
    while let Some(Ok(_)) = socket.next().await {}
}
