//! Clients against real nodes.

#![allow(clippy::unwrap_used, reason = "a test fails when it cannot continue")]

use std::collections::BTreeSet;
use std::future::Future;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use harness::{DEADLINE, Node, Proxy, RedisServer};
use serde_json::json;
use tickcast_client::clockit::{ChangeKind, ClockitEvent, ClockitSnapshot, Goal, SessionPhase, SessionStart};
use tickcast_client::rooms::{CountdownCommand, NewRoom, RoomEvent, RoomsEvent, RoomsSnapshot};
use tickcast_client::{
    ClientOptions, ClockitClient, CommandError, ConnectionState, Credential, ErrorCode, RefusalReason, RoomError,
    RoomErrorCode, RoomsClient, Times, TokenRequest,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Fails a test that waits for too long.
async fn within<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("timed out waiting for {what}"))
}

/// Waits until a snapshot holds.
async fn until<S>(what: &str, receiver: &mut watch::Receiver<Arc<S>>, holds: impl FnMut(&Arc<S>) -> bool) -> Arc<S> {
    within(what, receiver.wait_for(holds)).await.expect("the client is open").clone()
}

fn options(port: u16) -> ClientOptions {
    ClientOptions::new(&format!("http://127.0.0.1:{port}")).unwrap()
}

fn ada(port: u16) -> ClockitClient {
    ClockitClient::open(options(port).credential(Credential::user("ada")))
}

fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

#[tokio::test]
async fn two_clients_of_a_user_show_the_same_and_each_learns_what_the_other_does() {
    let node = Node::start().await;
    let (one, two) = (ada(node.public), ada(node.public));
    let mut there = two.subscribe();
    until("the sessions", &mut there, |snapshot| snapshot.is_loaded).await;
    let mut events = two.events();

    let start = SessionStart { comment: Some("chapter one".to_owned()), ..SessionStart::new("Write") };
    let id = within("the start", one.start(&start)).await.unwrap().session_id;
    let goal = Goal { id: "g".to_owned(), title: "Draft".to_owned(), ..Goal::default() };
    one.attach_goal(&id, &goal).await.unwrap();
    let shows = |snapshot: &Arc<ClockitSnapshot>| snapshot.session(&id).is_some_and(|session| session.elapsed_ms > 0);
    let snapshot = until("a tick", &mut there, shows).await;
    assert_eq!((snapshot.times, &snapshot.connection), (Times::Live, &ConnectionState::Online));
    let state = &snapshot.session(&id).unwrap().state;
    assert_eq!((state.comment.as_deref(), state.goals.len(), state.user_id.as_str()), (Some("chapter one"), 1, "ada"));
    let time = within("a measurement", async { snapshot.server_time.unwrap().now() }).await;
    assert!((time - unix_ms()).abs() < 1_000, "{time}");

    for done in [one.pause(&id).await, one.resume(&id).await, one.detach_goal(&id, "g").await, one.stop(&id).await] {
        assert_eq!(done.unwrap().session_id, id);
    }
    one.remove(&id).await.unwrap();
    let mut kinds = Vec::new();
    while kinds.last() != Some(&ChangeKind::Removed) {
        let Ok(ClockitEvent::Session(change)) = within("an event", events.next()).await.unwrap() else { continue };
        assert_eq!(change.session.state.session_id, id);
        kinds.push(change.kind);
    }
    use SessionPhase::{Paused, Running, Stopped};
    let phases = [Running, Paused, Running, Stopped].map(ChangeKind::Phase);
    let expected = [phases[0], ChangeKind::Content, phases[1], phases[2], ChangeKind::Content, phases[3]];
    assert_eq!(kinds, [&expected[..], &[ChangeKind::Removed]].concat());

    let missing = one.stop("nothing").await.unwrap_err();
    assert!(matches!(missing, CommandError::Rejected { code: ErrorCode::UnknownSession, .. }), "{missing:?}");
    one.close().await;
    assert_eq!(one.snapshot().connection, ConnectionState::Closed);
}

#[tokio::test]
async fn a_guest_has_timers_and_a_client_without_a_valid_token_is_refused() {
    let node = Node::start().await;
    let guest = ClockitClient::open(options(node.public));
    let id = within("the start", guest.start(&SessionStart::new("Write"))).await.unwrap().session_id;
    assert!(guest.snapshot().session(&id).unwrap().state.user_id.starts_with("guest_"));

    let stranger = ClockitClient::open(options(node.public).credential(Credential::token("no token")));
    let error = within("the refusal", stranger.stop("s")).await.unwrap_err();
    assert!(matches!(error, CommandError::Refused(ref refused) if refused.reason == RefusalReason::Unauthorized));
    let member = RoomsClient::open(options(node.public).credential(Credential::token("no token")));
    let error = within("the refusal", member.join("r", None)).await.unwrap_err();
    assert!(matches!(error, RoomError::Refused(ref refused) if refused.code == 4401), "{error:?}");
}

#[tokio::test]
async fn a_fresh_token_keeps_the_connection_open() {
    const SECRET: &str = "a secret of sixteen bytes";
    let settings = [("auth.modes", "jwt"), ("auth.jwt.secret", SECRET), ("auth.jwt.leeway", "0s")];
    let node = Node::start_with(&settings).await;
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let provider = move |_: TokenRequest| {
        // The first token expires soon, and the others do not.
        let lifetime_ms = if counted.fetch_add(1, Ordering::Relaxed) == 0 { 3_000 } else { 3_600_000 };
        async move {
            let claims = json!({ "sub": "ada", "exp": (unix_ms() + lifetime_ms) / 1000 });
            let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
            jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).map_err(Into::into)
        }
    };
    let client = ClockitClient::open(options(node.public).credential(Credential::token_provider(provider)));
    let id = within("the start", client.start(&SessionStart::new("Write"))).await.unwrap().session_id;
    let mut snapshots = client.subscribe();
    let mut phases = Vec::new();
    let lasts = |snapshot: &Arc<ClockitSnapshot>| {
        phases.push(snapshot.connection.clone());
        snapshot.session(&id).is_some_and(|session| session.elapsed_ms > 4_000)
    };
    until("four seconds", &mut snapshots, lasts).await;
    assert!(phases.iter().all(|phase| *phase == ConnectionState::Online), "{phases:?}");
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn members_share_a_countdown_and_return_to_it_after_a_lost_connection() {
    let node = Node::start().await;
    let proxy = Proxy::start(node.public).await;
    let (ann, ben) = (RoomsClient::open(options(node.public)), RoomsClient::open(options(proxy.port())));
    let new = NewRoom { duration: Some(Duration::from_secs(60)), name: Some("Ann".to_owned()) };
    let room = within("the room", ann.create(new)).await.unwrap();
    assert_eq!(ann.snapshot().room.as_ref().unwrap().session_id, room.session_id);
    let mut events = ann.events();
    let membership = within("the join", ben.join(&room.session_id, Some("Ben"))).await.unwrap();
    assert_eq!((membership.count, membership.name.as_str()), (2, "Ben"));

    let started = within("the start", ben.send(CountdownCommand::Start(None))).await.unwrap();
    assert!(started.is_running && ben.snapshot().room.as_ref().unwrap().state == started);
    let mut here = ann.subscribe();
    until("a second", &mut here, |snapshot| snapshot.remaining_seconds == Some(58)).await;
    let adjusted = ben.send(CountdownCommand::Adjust(-30.0)).await.unwrap();
    assert_eq!(started.ends_at.unwrap() - adjusted.ends_at.unwrap(), 30_000);
    let mut there = ben.subscribe();
    proxy.reset();
    until("the loss", &mut there, |snapshot| snapshot.connection != ConnectionState::Online).await;
    assert_eq!(ben.snapshot().times, Times::Continued);
    ben.retry_now().await;
    let back = until("the return", &mut there, |snapshot| snapshot.is_joined).await;
    assert_eq!(back.room.as_ref().unwrap().client_id, membership.client_id);
    assert!(ben.send(CountdownCommand::Pause).await.unwrap().is_paused);
    assert!(ben.send(CountdownCommand::Resume).await.unwrap().is_running);
    assert!(!ben.send(CountdownCommand::Reset).await.unwrap().is_running);
    within("the end", ben.leave()).await.unwrap();
    assert_eq!(ben.send(CountdownCommand::Pause).await.unwrap_err(), RoomError::NotJoined);
    let mut presence = Vec::new();
    while presence.len() < 2 {
        let event = within("an event", events.next()).await.unwrap().unwrap();
        if let RoomsEvent::Room(RoomEvent::MemberJoined(change)) = &event {
            presence.push(format!("+{}", change.client.name));
        } else if let RoomsEvent::Room(RoomEvent::MemberLeft(change)) = &event {
            presence.push(format!("-{}", change.client.name));
        }
    }
    assert_eq!(presence, ["+Ben", "-Ben"]);

    let missing = within("the answer", ben.join("no such room", None)).await.unwrap_err();
    assert!(matches!(missing, RoomError::Rejected { code: RoomErrorCode::SessionNotFound, .. }), "{missing:?}");
    let invalid = ann.send(CountdownCommand::Adjust(9e9)).await.unwrap_err();
    assert!(matches!(invalid, RoomError::Rejected { code: RoomErrorCode::InvalidSeconds, .. }), "{invalid:?}");
}

/// What a display has shown.
#[derive(Default)]
struct Shown {
    seconds: Vec<i64>,
    phases: BTreeSet<String>,
}

/// Records the displayed seconds and the phases of the connection.
fn record<S: Send + Sync + 'static>(
    mut snapshots: watch::Receiver<Arc<S>>,
    shown: impl Fn(&S) -> (Option<i64>, &ConnectionState) + Send + 'static,
) -> (Arc<Mutex<Shown>>, JoinHandle<()>) {
    let log = Arc::new(Mutex::new(Shown::default()));
    let written = Arc::clone(&log);
    let task = tokio::spawn(async move {
        loop {
            {
                let snapshot = snapshots.borrow_and_update().clone();
                let (second, phase) = shown(&snapshot);
                let mut log = written.lock().unwrap();
                log.phases.insert(format!("{phase:?}"));
                if let Some(second) = second.filter(|second| log.seconds.last() != Some(second)) {
                    log.seconds.push(second);
                }
            }
            if snapshots.changed().await.is_err() {
                return;
            }
        }
    });
    (log, task)
}

fn seconds(log: &Mutex<Shown>) -> Vec<i64> {
    log.lock().unwrap().seconds.clone()
}

/// The address behaves like a load balancer that sends new connections to a node that is ready.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_second_is_missing_and_no_member_leaves_while_all_nodes_restart() {
    let redis = RedisServer::start();
    let url = redis.url();
    let settings = [("store.url", url.as_str()), ("drain.notice", "0s"), ("drain.grace", "3s")];
    let (mut one, mut two) = (Node::start_with(&settings).await, Node::start_with(&settings).await);
    let proxy = Proxy::start(one.public).await;
    // Without the local clock, a second that no node has sent would be missing.
    let device =
        ClockitClient::open(options(proxy.port()).credential(Credential::user("ada")).continues_locally(false));
    let member = RoomsClient::open(options(proxy.port()));
    within("the room", member.create(NewRoom { duration: Some(Duration::from_secs(600)), name: None })).await.unwrap();
    let id = within("the start", device.start(&SessionStart::new("Through"))).await.unwrap().session_id;
    within("the start", member.send(CountdownCommand::Start(None))).await.unwrap();
    let membership = member.snapshot().room.as_ref().unwrap().client_id.clone();
    let (ticks, _ticking) = record(device.subscribe(), |snapshot: &ClockitSnapshot| {
        (snapshot.sessions.first().map(|session| session.elapsed_ms.div_euclid(1_000)), &snapshot.connection)
    });
    let (countdown, _counting) =
        record(member.subscribe(), |snapshot: &RoomsSnapshot| (snapshot.remaining_seconds, &snapshot.connection));
    let mut snapshots = device.subscribe();
    let ports = [two.public, one.public];
    for (node, other) in [&mut one, &mut two].into_iter().zip(ports) {
        proxy.redirect_to(other);
        node.signal("TERM");
        assert_eq!(node.ended().await.code(), Some(0), "{}", node.log());
        node.restart().await;
    }
    let shown = snapshots.borrow().session(&id).unwrap().elapsed_ms;
    let goes_on = |snapshot: &Arc<ClockitSnapshot>| snapshot.session(&id).unwrap().elapsed_ms > shown + 1_000;
    until("two more seconds", &mut snapshots, goes_on).await;
    for (log, step) in [(ticks, 1), (countdown, -1)] {
        let seconds = seconds(&log);
        let expected: Vec<i64> = (0..).map(|nth| seconds[0] + nth * step).take(seconds.len()).collect();
        assert_eq!(seconds, expected);
        let phases = &log.lock().unwrap().phases;
        assert!(phases.len() == 1 && phases.contains("Online"), "{phases:?}");
    }
    assert_eq!(member.snapshot().room.as_ref().unwrap().client_id, membership);
}

/// Runs an example that `cargo test` has built.
async fn run_example(name: &str, node: &Node) -> String {
    let test = std::env::current_exe().unwrap();
    let program: PathBuf = test.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(program.is_file(), "{} was not built: run cargo test without a target filter", program.display());
    let url = format!("http://127.0.0.1:{}", node.public);
    let mut command = Command::new(program);
    command.env("TICKCAST_URL", url);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn the_examples_run() {
    let node = Node::start().await;
    let (stopwatch, countdown) = tokio::join!(run_example("stopwatch", &node), run_example("countdown", &node));
    let expected = "Phase(Running): Write the report\n1 s\n2 s\nPhase(Stopped): Write the report\n";
    assert_eq!(stopwatch, expected);
    assert!(
        countdown.ends_with("3 s\n2 s\n1 s\ncomplete\n") || countdown.ends_with("1 s\n0 s\ncomplete\n"),
        "{countdown}"
    );
}
