//! Tokens that expire while a client is connected.

use std::sync::Arc;
use std::time::Duration;

use harness::Node;
use serde_json::json;
use tickcast_client::clockit::SessionStart;
use tickcast_client::focus::NewFocusSession;
use tickcast_client::rooms::{CountdownCommand, NewRoom};
use tickcast_client::studio::{EntryTarget, NewEntry};
use tickcast_client::{
    ClientOptions, ClockitClient, ConnectionState, Credential, FocusClient, PunchClockClient, RoomsClient,
    StudioClient, TokenRequest,
};
use tokio::sync::watch;

use super::client::{TOKEN_SETTINGS, options, sign, until, within};

/// Longer than a token is valid.
const SECONDS: i64 = 4;

/// Waits until a display has counted for longer than a token is valid, on one connection.
async fn outlives<S>(
    system: &str,
    mut snapshots: watch::Receiver<Arc<S>>,
    shown: impl Fn(&S) -> (i64, &ConnectionState),
) {
    let mut phases = Vec::new();
    let lasts = |snapshot: &Arc<S>| {
        let (seconds, phase) = shown(snapshot);
        phases.push(phase.clone());
        seconds >= SECONDS
    };
    until(system, &mut snapshots, lasts).await;
    assert!(phases.iter().all(|phase| *phase == ConnectionState::Online), "{system}: {phases:?}");
}

async fn stopwatch(options: ClientOptions) {
    let client = ClockitClient::open(options);
    within("the start", client.start(&SessionStart::new("Write"))).await.unwrap();
    let seconds = |elapsed_ms: i64| elapsed_ms.div_euclid(1_000);
    outlives("Clockit", client.subscribe(), |snapshot| {
        (snapshot.sessions.first().map_or(0, |session| seconds(session.elapsed_ms)), &snapshot.connection)
    })
    .await;
}

async fn room(options: ClientOptions) {
    let client = RoomsClient::open(options);
    let new = NewRoom { duration: Some(Duration::from_secs(60)), name: None };
    within("the room", client.create(new)).await.unwrap();
    client.send(CountdownCommand::Start(None)).await.unwrap();
    outlives("Rooms", client.subscribe(), |snapshot| {
        (60 - snapshot.remaining_seconds.unwrap_or(60), &snapshot.connection)
    })
    .await;
}

async fn entry(options: ClientOptions) {
    let client = StudioClient::open(options);
    until("the entries", &mut client.subscribe(), |snapshot| snapshot.is_loaded).await;
    let entry = NewEntry { task_type_id: 1, target: EntryTarget::Track(1), notes: None };
    client.start(&entry).await.unwrap();
    outlives("Studio", client.subscribe(), |snapshot| {
        (snapshot.entries.first().map_or(0, |running| running.elapsed_seconds), &snapshot.connection)
    })
    .await;
}

async fn day(options: ClientOptions) {
    let client = PunchClockClient::open(options);
    until("the day", &mut client.subscribe(), |snapshot| snapshot.day.is_some()).await;
    client.clock_in().await.unwrap();
    outlives("Punch clock", client.subscribe(), |snapshot| (snapshot.work_seconds, &snapshot.connection)).await;
}

async fn focus(options: ClientOptions) {
    let client = FocusClient::open(options);
    until("the session", &mut client.subscribe(), |snapshot| snapshot.is_loaded).await;
    client.start(&NewFocusSession::new(25.0)).await.unwrap();
    outlives("Focus", client.subscribe(), |snapshot| {
        let counters = snapshot.session.as_ref().map_or_else(Default::default, |session| session.counters);
        (counters.elapsed_seconds.try_into().unwrap(), &snapshot.connection)
    })
    .await;
}

#[tokio::test]
async fn fresh_tokens_keep_the_connections_of_all_systems_open() {
    let node = Node::start_with(&TOKEN_SETTINGS).await;
    let options = || {
        let provider = |_: TokenRequest| async { Ok(sign(json!({ "sub": "ada", "org_id": 1 }), 3)) };
        options(node.public).credential(Credential::token_provider(provider))
    };
    tokio::join!(stopwatch(options()), room(options()), entry(options()), day(options()), focus(options()));
}
