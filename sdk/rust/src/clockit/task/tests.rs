//! The task of a client against links in memory, with the clock of the test.

use std::sync::Mutex;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::advance;

use super::*;
use crate::clockit::client::ClockitClient;
use crate::clockit::protocol::SessionStart;
use crate::credential::Credential;
use crate::link::{Dial, EVENTS_MAX, Link, LinkEvent, LinkEvents, LinkId};
use crate::socket::Decoded;

const MS: Duration = Duration::from_millis(1);

type Dialled = Arc<Mutex<Vec<mpsc::Receiver<String>>>>;

struct MemoryDialer(Dialled);

impl Dial for MemoryDialer {
    fn dial(&mut self, id: LinkId) -> Link {
        let (link, texts) = Link::new(id);
        self.0.lock().unwrap().push(texts);
        link
    }
}

/// A client, and the server's end of its links.
struct World {
    client: ClockitClient,
    dialled: Dialled,
    events: LinkEvents<ServerMessage>,
}

impl World {
    fn open(continues_locally: bool) -> Self {
        Self::open_as(Arc::new(Credentials::new(Credential::guest())), continues_locally)
    }

    fn open_as(credentials: Arc<Credentials>, continues_locally: bool) -> Self {
        let dialled = Dialled::default();
        let (events, received) = mpsc::channel(EVENTS_MAX);
        let dialer = Box::new(MemoryDialer(Arc::clone(&dialled)));
        let core = ClientCore::new(dialer, received, credentials, continues_locally);
        let channels = start_task_with(core, CommandQueue::in_memory(LIMITS));
        Self { client: ClockitClient::over(channels), dialled, events }
    }

    /// Sends a message on a link, and waits until the task has processed it.
    async fn send(&self, id: LinkId, message: Value) {
        let Decoded::Event(event) = decode(&message.to_string()) else { panic!("{message}") };
        self.report(id, event).await;
    }

    async fn report(&self, id: LinkId, event: LinkEvent<ServerMessage>) {
        self.events.send((id, event)).await.unwrap();
        self.settle().await;
    }

    async fn settle(&self) {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    async fn advance(&self, by: Duration) {
        advance(by).await;
        self.settle().await;
    }

    /// Returns what the client has sent on a link.
    fn sent(&self, id: usize) -> Vec<Value> {
        let mut dialled = self.dialled.lock().unwrap();
        std::iter::from_fn(|| dialled[id - 1].try_recv().ok())
            .map(|text| serde_json::from_str(&text).unwrap())
            .collect()
    }

    fn dials(&self) -> usize {
        self.dialled.lock().unwrap().len()
    }

    fn elapsed_ms(&self) -> i64 {
        self.client.snapshot().sessions[0].elapsed_ms
    }
}

fn ready(server_time: i64) -> Value {
    let session = json!({
        "sessionId": "s", "userId": "ada", "label": "Write", "startedAt": 10_000, "accumulatedMs": 0, "running": true,
        "goals": [],
    });
    json!({ "type": "ready", "payload": [session], "sessions": [session], "serverTime": server_time, "rev": 1 })
}

fn tick(elapsed_ms: i64) -> Value {
    let tick = json!({ "sessionId": "s", "elapsedMs": elapsed_ms, "running": true });
    json!({ "type": "tick", "payload": [tick], "serverTime": 10_000 + elapsed_ms })
}

fn of_kind(sent: &[Value], kind: &str) -> Vec<Value> {
    sent.iter().filter(|message| message["type"] == kind).cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn the_display_continues_without_a_connection_and_goes_on_with_the_servers_ticks() {
    let world = World::open(true);
    world.settle().await;
    world.send(1, ready(12_000)).await;
    world.send(1, tick(3_000)).await;
    assert_eq!((world.elapsed_ms(), world.client.snapshot().times), (3_000, Times::Live));
    world.report(1, LinkEvent::Closed(ConnectionError::lost("cable"))).await;
    for elapsed_ms in [4_000, 5_000, 6_000] {
        world.advance(MS * 1_000).await;
        assert_eq!((world.elapsed_ms(), world.client.snapshot().times), (elapsed_ms, Times::Continued));
    }
    let last = world.dials() as LinkId;
    assert!(last > 1, "the client has dialled again");
    world.send(last, ready(16_100)).await;
    world.send(last, tick(7_000)).await;
    assert_eq!((world.elapsed_ms(), world.client.snapshot().times), (7_000, Times::Live));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_continue_keeps_the_last_known_times() {
    let world = World::open(false);
    world.settle().await;
    world.send(1, ready(12_000)).await;
    world.report(1, LinkEvent::Closed(ConnectionError::lost("cable"))).await;
    world.advance(MS * 900).await;
    assert_eq!((world.elapsed_ms(), world.client.snapshot().times), (2_000, Times::LastKnown));
}

#[tokio::test(start_paused = true)]
async fn a_link_without_ticks_is_stale_and_then_given_up() {
    let world = World::open(true);
    world.settle().await;
    world.send(1, ready(12_000)).await;
    for _ in 0..4 {
        world.advance(MS * 1_000).await;
    }
    assert_eq!((world.client.snapshot().times, world.elapsed_ms()), (Times::Continued, 6_000));
    assert!(world.client.snapshot().connection == ConnectionState::Online);
    for _ in 0..11 {
        world.advance(MS * 1_000).await;
    }
    assert!(matches!(
        world.client.snapshot().connection,
        ConnectionState::Offline { .. } | ConnectionState::Connecting
    ));
}

#[tokio::test(start_paused = true)]
async fn a_command_is_repeated_on_the_next_node_under_its_id_and_misses_no_second() {
    let world = World::open(true);
    world.settle().await;
    world.send(1, ready(12_000)).await;
    let client = world.client.clone();
    let starting = tokio::spawn(async move { client.start(&SessionStart::new("Through")).await });
    world.settle().await;
    let [first] = &of_kind(&world.sent(1), "session-start")[..] else { panic!("one command") };
    world.send(1, json!({ "type": "going-away", "payload": { "withinMs": 5_000 } })).await;
    world.advance(MS * 1_250).await;
    assert_eq!(world.dials(), 2);
    world.send(2, ready(13_250)).await;
    world.send(1, tick(4_000)).await;
    assert_eq!(world.elapsed_ms(), 4_000);
    world.send(2, tick(4_000)).await;
    let ack = json!({ "type": "ack", "id": first["id"], "rev": 2, "sessionId": "t" });
    world.send(1, ack.clone()).await;
    world.send(2, tick(5_000)).await;
    assert!(!starting.is_finished(), "the change has not arrived on the second link");
    assert_eq!((world.elapsed_ms(), of_kind(&world.sent(2), "session-start")), (5_000, vec![first.clone()]));
    world.send(2, ack).await;
    assert_eq!(starting.await.unwrap().unwrap().session_id, "t");
    assert_eq!(world.client.snapshot().connection, ConnectionState::Online);
}

#[tokio::test(start_paused = true)]
async fn commands_of_a_refused_client_fail() {
    let world = World::open(true);
    world.settle().await;
    let client = world.client.clone();
    let waiting = tokio::spawn(async move { client.stop("s").await });
    world.settle().await;
    world.report(1, LinkEvent::Closed(ConnectionError::Closed { code: 4403, reason: "Forbidden".to_owned() })).await;
    assert!(matches!(waiting.await.unwrap(), Err(CommandError::Refused(refused)) if refused.code == 4403));
    assert!(matches!(world.client.stop("s").await, Err(CommandError::Refused(_))));
    world.client.close().await;
    assert_eq!(world.client.stop("s").await, Err(CommandError::Closed));
    assert!(world.client.events().next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_when_a_command_has_no_answer() {
    let world = World::open(true);
    world.settle().await;
    world.send(1, json!({ "type": "ready", "payload": [], "serverTime": 1_000, "rev": 0 })).await;
    let client = world.client.clone();
    tokio::spawn(async move { client.stop("s").await });
    world.settle().await;
    world.advance(MS * 9_000).await;
    assert_eq!(world.client.snapshot().connection, ConnectionState::Online);
    world.advance(MS * 1_000).await;
    assert_ne!(world.client.snapshot().connection, ConnectionState::Online);
}

#[tokio::test(start_paused = true)]
async fn a_fresh_token_that_cannot_be_verified_at_present_is_not_rejected() {
    const EXPIRES_AT_32_S: &str = "e30.eyJleHAiOjMyfQ.x";
    let requests = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&requests);
    let credentials = Arc::new(Credentials::new(Credential::token_provider(move |request| {
        asked.lock().unwrap().push(request.rejected);
        async { Ok(EXPIRES_AT_32_S.to_owned()) }
    })));
    // The links of the test present nothing themselves.
    credentials.present().await.unwrap();
    let world = World::open_as(credentials, true);
    world.settle().await;
    world.send(1, json!({ "type": "ready", "payload": [], "serverTime": 12_000, "rev": 0 })).await;
    world.advance(MS * 10_001).await;
    for (code, rejected) in [("unavailable", None), ("unauthorized", Some(EXPIRES_AT_32_S.to_owned()))] {
        let [presented] = &of_kind(&world.sent(1), "auth")[..] else { panic!("one token") };
        let payload = json!({ "code": code, "message": "no", "retry": rejected.is_none() });
        world.send(1, json!({ "type": "error", "id": presented["id"], "payload": payload })).await;
        world.advance(MS * 6_001).await;
        assert_eq!(requests.lock().unwrap().last(), Some(&rejected), "{code}");
    }
}
