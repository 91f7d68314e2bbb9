//! Clients of the other systems: nonsense on sockets and in answers to requests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use harness::DEADLINE;
use serde_json::{Value, json};
use tickcast_client::focus::{FocusEvent, NewFocusSession};
use tickcast_client::studio::StudioEvent;
use tickcast_client::{
    ClientOptions, CommandError, ConnectionError, ConnectionState, FocusClient, HttpError, PunchClockClient,
    RoomsClient, StudioClient,
};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::server::{Server, answer_http, send};

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
    assert!(loaded.load_error.is_none() && loaded.task_types.is_empty());
    // This server does not tell its time.
    let shows_entry = snapshots.wait_for(|snapshot| snapshot.entries.iter().any(|entry| entry.entry.id == 1));
    assert!(timeout(DEADLINE, shows_entry).await.unwrap().unwrap().server_time.is_none());
}

async fn serve_organisation(stream: TcpStream, loads: Arc<AtomicUsize>) {
    let started = "2026-11-20T11:00:00.000Z";
    let entry = json!({
        "id": 1, "taskTypeId": 2, "sessionId": 12, "projectId": null, "trackId": null, "startTime": started, "endTime": null,
        "durationMinutes": null, "hourlyRateSnapshot": "60.00", "manuallyAdjusted": false, "billable": true, "notes": null,
        "createdBy": null, "createdAt": started, "updatedAt": started,
    });
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
            _ => success(json!({ "entries": [entry], "stats": { "totalHours": 0, "totalCost": 0 } })),
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
    // This server does not tell its time. The run of work began an hour before the last change.
    let counts = snapshots.wait_for(|snapshot| snapshot.work_seconds >= 3_600);
    assert!(timeout(DEADLINE, counts).await.unwrap().unwrap().server_time.is_none());
}

async fn serve_day(stream: TcpStream, posted: Arc<Mutex<Vec<String>>>) {
    let day = json!({
        "userId": "ada", "userEmail": "", "userName": "", "currentStatus": "IN", "entries": [],
        "dailyStats": { "totalWorkMinutes": 0, "totalBreakMinutes": 0, "isComplete": false }, "currentTheme": "minimal",
        "lastActiveDate": "2026-11-20", "lastActivity": "2026-11-20T12:00:00.000Z", "sessionStartTime": 1_795_172_400_000_i64,
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

#[tokio::test]
async fn a_focus_client_reports_documents_that_are_none_and_stays_connected() {
    let server = Server::start(|stream, _| serve_focus(stream)).await;
    let client = FocusClient::open(ClientOptions::new(&server.url).unwrap());
    let mut events = client.events();
    let mut reported = (0, 0);
    while reported != (2, 1) {
        match timeout(DEADLINE, events.next()).await.unwrap().unwrap().unwrap() {
            FocusEvent::Load(HttpError::InvalidAnswer { .. }) => reported.0 += 1,
            FocusEvent::Server(error) => {
                assert_eq!((error.code.name(), error.message.as_str()), ("a_later_code", "x"));
                reported.1 += 1;
            }
            other @ (FocusEvent::Load(_)
            | FocusEvent::Token(_)
            | FocusEvent::Command(_)
            | FocusEvent::Outbox(_)
            | _) => {
                panic!("{other:?}")
            }
        }
    }
    let error = timeout(DEADLINE, client.start(&NewFocusSession::new(25.0))).await.unwrap().unwrap_err();
    assert_eq!(error, CommandError::OutcomeUnknown);
    let snapshot = client.snapshot();
    assert!(snapshot.connection == ConnectionState::Online && snapshot.session.is_none(), "{snapshot:?}");
}

#[tokio::test]
async fn a_focus_session_that_was_not_requested_fails_with_the_cause() {
    let unreachable = format!("http://127.0.0.1:{}", harness::free_port());
    let client = FocusClient::open(ClientOptions::new(&unreachable).unwrap());
    let error = timeout(DEADLINE, client.start(&NewFocusSession::new(25.0))).await.unwrap().unwrap_err();
    let is_named = |error: &ConnectionError| matches!(error, ConnectionError::Unreachable { .. });
    assert!(matches!(&error, CommandError::Http(HttpError::NoAnswer(cause)) if is_named(cause)), "{error:?}");
}

async fn serve_focus(stream: TcpStream) {
    let session = json!({ "id": "s", "status": "sleeping", "elapsedSeconds": -1 });
    let answer = |line: &str, _: &str| {
        if line.starts_with("GET /api/sessions") {
            (200, json!({ "sessions": [session] }).to_string())
        } else {
            (200, json!({ "session": null, "dayStreak": "long" }).to_string())
        }
    };
    let Some(stream) = answer_http(stream, answer).await else { return };
    let mut socket = accept_async(stream).await.unwrap();
    let tick = r#"{"type":"tick","idle":1,"elapsedSeconds":-1}"#;
    let other = r#"{"type":"tick","idle":true,"elapsedSeconds":9,"activeSeconds":9,"idleSeconds":0,"tabSwitches":0}"#;
    let error = r#"{"type":"error","code":"a_later_code","message":"x"}"#;
    for text in
        ["{", tick, r#"{"type":"connected"}"#, tick, other, r#"{"type":"started"}"#, r#"{"type":"stopped"}"#, error]
    {
        socket.send(Message::text(text)).await.unwrap();
    }
    while let Some(Ok(_)) = socket.next().await {}
}
