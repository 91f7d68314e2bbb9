//! Focus: devices of one person.

use std::sync::Arc;
use std::time::Duration;

use harness::{Node, Proxy, RedisServer, free_port};
use serde_json::json;
use tickcast_client::focus::{
    FocusEnding, FocusListQuery, FocusOptions, FocusSessionChange, FocusSnapshot, FocusStatus, NewFocusSession,
};
use tickcast_client::{ClientOptions, CommandError, ConnectionState, Credential, FocusClient, Times};

use super::client::{TOKEN_SETTINGS, options, sign, until, within};

/// A person counts as idle soon, so that a test need not wait.
const IDLE_AFTER: (&str, &str) = ("focus.idle_after", "1s");

fn open(options: ClientOptions) -> FocusClient {
    FocusClient::open(FocusOptions::new(options).idle_after(Duration::from_secs(1)))
}

async fn device(port: u16) -> FocusClient {
    let client = open(options(port).credential(Credential::user("ada")));
    let is_loaded = |snapshot: &Arc<FocusSnapshot>| snapshot.is_loaded && snapshot.stats.is_some();
    until("the session", &mut client.subscribe(), is_loaded).await;
    client
}

fn elapsed(snapshot: &FocusSnapshot) -> u64 {
    snapshot.session.as_ref().map_or(0, |session| session.counters.elapsed_seconds)
}

fn status(snapshot: &FocusSnapshot) -> Option<FocusStatus> {
    snapshot.session.as_ref().map(|session| session.status)
}

#[tokio::test]
async fn devices_count_one_session_with_its_activity_and_its_score() {
    let node = Node::start_with(&[IDLE_AFTER]).await;
    let proxy = Proxy::start(node.public).await;
    let one = device(proxy.port()).await;
    let new = NewFocusSession { subject: Some("Latin".to_owned()), ..NewFocusSession::new(0.5) };
    let session = within("the session", one.start(&new)).await.unwrap();
    let two = device(node.public).await;
    let (mut here, mut there) = (one.subscribe(), two.subscribe());
    let idles = |snapshot: &Arc<FocusSnapshot>| {
        snapshot.is_tracked && snapshot.idle && snapshot.session.as_ref().is_some_and(|shown| shown.id == session.id)
    };
    until("an idle second", &mut here, idles).await;
    until("an idle second there", &mut there, idles).await;
    one.report_activity().await;
    one.report_tab_switch().await;
    let is_active = |snapshot: &Arc<FocusSnapshot>| {
        snapshot.session.as_ref().is_some_and(|session| session.counters.tab_switches == 1)
            && snapshot.activity.iter().map(|run| run.seconds).sum::<u64>() == elapsed(snapshot)
    };
    until("the activity", &mut there, is_active).await;

    proxy.redirect_to(free_port());
    proxy.reset();
    until("the loss", &mut here, |snapshot| snapshot.times == Times::Continued).await;
    let before = elapsed(&here.borrow());
    until("the next seconds", &mut here, |snapshot| elapsed(snapshot) >= before + 2).await;
    proxy.redirect_to(node.public);
    one.retry_now().await;
    until("the return", &mut here, |snapshot| snapshot.times == Times::Live && snapshot.is_tracked).await;
    assert!(elapsed(&here.borrow()) >= before, "no counted second is lost");

    assert_eq!(one.pause().await.unwrap().status, FocusStatus::Paused);
    assert_eq!(status(&one.snapshot()), Some(FocusStatus::Paused));
    assert_eq!(one.resume().await.unwrap().status, FocusStatus::Active);
    for receiver in [&mut here, &mut there] {
        let counts = |snapshot: &Arc<FocusSnapshot>| snapshot.is_tracked && snapshot.times == Times::Live;
        until("the next seconds", receiver, counts).await;
    }
    let ended = two.stop(FocusEnding::Completed).await.unwrap();
    let is_over = |snapshot: &Arc<FocusSnapshot>| {
        status(snapshot) == Some(FocusStatus::Completed) && snapshot.stats.unwrap().completed_sessions == 1
    };
    let last = until("the end", &mut here, is_over).await;
    assert_eq!((last.score.unwrap().score, last.stats.unwrap().day_streak), (ended.focus_score, 1));
    let error = one.pause().await.unwrap_err();
    assert!(error.to_string().contains("the session has ended"), "{error}");
}

#[tokio::test]
async fn sessions_are_listed_changed_and_deleted() {
    let node = Node::start_with(&TOKEN_SETTINGS).await;
    let client = open(options(node.public).credential(Credential::token(sign(json!({ "sub": "grace" }), 3_600))));
    let mut snapshots = client.subscribe();
    let invalid = within("the answer", client.start(&NewFocusSession::new(0.0))).await.unwrap_err();
    assert!(invalid.to_string().contains("Invalid target minutes"), "{invalid}");
    assert!(matches!(client.pause().await, Err(CommandError::Rejected { .. })), "there is no session");
    let first = client.start(&NewFocusSession::new(25.0)).await.unwrap();
    until("the connection", &mut snapshots, |snapshot| snapshot.is_tracked).await;
    let change = FocusSessionChange { subject: Some("Greek".to_owned()), ..FocusSessionChange::default() };
    assert_eq!(client.update(&first.id, &change).await.unwrap().subject, "Greek");
    assert_eq!(client.snapshot().session.as_ref().unwrap().subject, "Greek");
    let second = client.start(&NewFocusSession::new(5.0)).await.unwrap();
    let is_second =
        |snapshot: &Arc<FocusSnapshot>| snapshot.is_tracked && snapshot.session.as_ref().unwrap().id == second.id;
    until("the next session", &mut snapshots, is_second).await;
    let query = FocusListQuery { status: Some(FocusStatus::Active), before: Some(second.id.clone()), limit: Some(5) };
    let ids: Vec<String> = client.list(&query).await.unwrap().iter().map(|session| session.id.clone()).collect();
    assert_eq!(ids, [first.id.as_str()]);
    assert_eq!(client.track(&first.id).await.unwrap().id, first.id);
    client.remove(&first.id).await.unwrap();
    assert_eq!(
        client.track(&first.id).await.map_err(|error| error.to_string()),
        Err("Session not found (404)".to_owned())
    );
    assert_eq!(client.list(&FocusListQuery::default()).await.unwrap().len(), 1);
    client.close().await;
    assert_eq!(client.start(&NewFocusSession::new(25.0)).await, Err(CommandError::Closed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_second_is_missing_while_a_node_restarts_and_a_command_of_an_ended_program_is_sent_later() {
    let redis = RedisServer::start();
    let url = redis.url();
    let settings = [("store.url", url.as_str()), ("drain.notice", "0s"), ("drain.grace", "3s")];
    let (mut one, two) = (Node::start_with(&settings).await, Node::start_with(&settings).await);
    let proxy = Proxy::start(one.public).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("focus.json");
    // Without the local clock, a second that no node has sent would be missing.
    let options = options(proxy.port()).credential(Credential::user("ada")).continues_locally(false);
    let client = FocusClient::open_with_outbox(options.clone(), &file).unwrap();
    let session = within("the session", client.start(&NewFocusSession::new(25.0))).await.unwrap();
    let mut snapshots = client.subscribe();
    until("a second", &mut snapshots, |snapshot| elapsed(snapshot) >= 1).await;
    proxy.redirect_to(two.public);
    one.signal("TERM");
    let (mut seconds, mut phases) = (vec![elapsed(&snapshots.borrow_and_update())], Vec::new());
    let ending = tokio::spawn(async move { one.ended().await.code() });
    let mut count_to = u64::MAX;
    while seconds.last().is_some_and(|second| *second < count_to) {
        within("a snapshot", snapshots.changed()).await.unwrap();
        let snapshot = snapshots.borrow_and_update().clone();
        phases.push(snapshot.connection.clone());
        if seconds.last() != Some(&elapsed(&snapshot)) {
            seconds.push(elapsed(&snapshot));
        }
        if count_to == u64::MAX && ending.is_finished() {
            count_to = elapsed(&snapshot) + 2;
        }
    }
    assert_eq!(ending.await.unwrap(), Some(0));
    assert!(seconds.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seconds:?}");
    assert!(phases.iter().all(|phase| *phase == ConnectionState::Online), "{phases:?}");

    proxy.redirect_to(free_port());
    proxy.reset();
    let stopping = client.clone();
    let stopped = tokio::spawn(async move { stopping.stop(FocusEnding::Completed).await });
    let is_shown = |snapshot: &Arc<FocusSnapshot>| status(snapshot) == Some(FocusStatus::Completed);
    until("the command", &mut snapshots, is_shown).await;
    client.close().await;
    assert_eq!(stopped.await.unwrap(), Err(CommandError::Stored));
    proxy.redirect_to(two.public);
    let next = FocusClient::open_with_outbox(options, &file).unwrap();
    until("the end", &mut next.subscribe(), |snapshot| snapshot.is_loaded && snapshot.pending == 0).await;
    let all = next.list(&FocusListQuery::default()).await.unwrap();
    assert_eq!((all[0].id.as_str(), all[0].status), (session.id.as_str(), FocusStatus::Completed));
}
