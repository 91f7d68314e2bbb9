//! Studio: members of an organisation.

use std::sync::Arc;

use harness::{Node, Proxy, RedisServer};
use serde_json::json;
use tickcast_client::studio::{
    EntryAdjustment, EntryFilter, EntryTarget, MemberId, NewEntry, NewTaskType, StudioEvent, StudioSnapshot,
    TaskTypeChange, TimerEvent,
};
use tickcast_client::{CommandError, ConnectionState, Credential, StudioClient, Times};

use super::client::{TOKEN_SETTINGS, options, sign, unix_ms, until, within};

async fn member(port: u16, user: &str, organization: u32) -> StudioClient {
    let claims = json!({ "sub": user, "org_id": organization });
    let client = StudioClient::open(options(port).credential(Credential::token(sign(claims, 3_600))));
    until("the entries", &mut client.subscribe(), |snapshot| snapshot.times == Times::Live).await;
    client
}

fn entry(task_type_id: i64, target: EntryTarget) -> NewEntry {
    NewEntry { task_type_id, target, notes: Some("first take".to_owned()) }
}

fn code(error: &CommandError) -> Option<&str> {
    if let CommandError::Http(error) = error { error.code() } else { None }
}

#[tokio::test]
async fn members_see_what_all_of_them_do_with_its_cost_and_other_organisations_see_nothing() {
    let node = Node::start_with(&TOKEN_SETTINGS).await;
    let (ann, ben) = (member(node.public, "1", 1).await, member(node.public, "ben", 1).await);
    let eve = member(node.public, "3", 2).await;
    let (mut events, mut foreign) = (ann.events(), eve.events());
    let created = within("the type", ann.create_task_type(&NewTaskType::new("Live", "50.5"))).await.unwrap();
    assert_eq!((created.hourly_rate.as_str(), ann.snapshot().task_types.len()), ("50.50", 6));
    let change = TaskTypeChange { color: Some("#10b981".to_owned()), ..TaskTypeChange::default() };
    let changed = ann.update_task_type(created.id, &change).await.unwrap();
    assert_eq!((changed.color.as_deref(), changed.name.as_str()), (Some("#10b981"), "Live"));

    let started = ann.start(&entry(created.id, EntryTarget::Session(12))).await.unwrap();
    let mut there = ben.subscribe();
    let counts =
        |snapshot: &Arc<StudioSnapshot>| snapshot.entry(started.id).is_some_and(|running| running.elapsed_seconds >= 1);
    let snapshot = until("a second", &mut there, counts).await;
    let running = &snapshot.entry(started.id).unwrap().entry;
    assert_eq!(
        (running.task_type.as_ref().unwrap().name.as_str(), &running.user_id),
        ("Live", &Some(MemberId::Number(1)))
    );
    let refused = ben.start(&entry(1, EntryTarget::Session(12))).await.unwrap_err();
    assert_eq!(
        (code(&refused), refused.to_string().contains("already running")),
        (Some("BAD_REQUEST"), true),
        "{refused}"
    );

    let earlier = EntryAdjustment { start_time: Some(unix_ms() - 15 * 60_000), ..EntryAdjustment::default() };
    assert!(ben.adjust(started.id, &earlier).await.unwrap().manually_adjusted);
    let costs = |snapshot: &Arc<StudioSnapshot>| {
        snapshot.entry(started.id).is_some_and(|running| running.cost.formatted_cost == "$12.63")
    };
    until("the new start", &mut ann.subscribe(), costs).await;
    let active = ben.active_entry(EntryTarget::Session(12)).await.unwrap().unwrap();
    assert_eq!((active.id, active.notes.as_deref()), (started.id, Some("first take")));
    assert_eq!(ben.active_entry(EntryTarget::Track(12)).await.unwrap(), None);
    assert_eq!(ben.stop(started.id).await.unwrap().duration_minutes, Some(15));
    until("the end", &mut ann.subscribe(), |snapshot| snapshot.entries.is_empty()).await;

    let filter = EntryFilter { task_type_ids: vec![created.id], limit: Some(1), ..EntryFilter::default() };
    let list = ann.entries(&filter).await.unwrap();
    assert_eq!((list.entries.len(), list.stats.total_hours, list.stats.total_cost), (1, 0.25, 12.63));
    let before = EntryFilter { started_within: Some((0, 1_000)), ..EntryFilter::default() };
    assert!(ann.entries(&before).await.unwrap().entries.is_empty());
    let mut kinds = Vec::new();
    while kinds.len() < 4 {
        let Ok(StudioEvent::Timer(event)) = within("an event", events.next()).await.unwrap() else { continue };
        kinds.push(match event {
            TimerEvent::Started(_) => "started",
            TimerEvent::Adjusted(_) => "adjusted",
            TimerEvent::Stopped(_) => "stopped",
            _ => "another",
        });
    }
    assert_eq!(kinds, ["started", "adjusted", "started", "stopped"]);
    assert!(eve.snapshot().entries.is_empty());
    eve.close().await;
    assert!(foreign.next().await.is_none(), "no event before the end");
}

#[tokio::test]
async fn what_runs_is_counted_over_a_lost_connection_and_a_stop_is_carried_out_once() {
    let node = Node::start_with(&TOKEN_SETTINGS).await;
    let proxy = Proxy::start(node.public).await;
    let (ann, ben) = (member(proxy.port(), "1", 1).await, member(node.public, "2", 1).await);
    let started = ann.start(&entry(2, EntryTarget::Project(5))).await.unwrap();
    proxy.redirect_to(harness::free_port());
    proxy.reset();
    let mut here = ann.subscribe();
    let continues = |snapshot: &Arc<StudioSnapshot>| {
        snapshot.times == Times::Continued
            && snapshot.entry(started.id).is_some_and(|running| running.elapsed_seconds >= 2)
    };
    until("two seconds", &mut here, continues).await;
    let stopping = ann.clone();
    let stopped = tokio::spawn(async move { stopping.stop(started.id).await });
    until("the command", &mut here, |snapshot| snapshot.pending == 1).await;
    let other = ben.start(&entry(2, EntryTarget::Project(6))).await.unwrap();
    proxy.redirect_to(node.public);
    let stopped = within("the stop", stopped).await.unwrap().unwrap();
    assert!(stopped.end_time.is_some());
    ann.retry_now().await;
    let is_current = |snapshot: &Arc<StudioSnapshot>| {
        snapshot.times == Times::Live && snapshot.entries.iter().map(|running| running.entry.id).eq([other.id])
    };
    until("what was missed", &mut here, is_current).await;
    assert_eq!(ann.entries(&EntryFilter::default()).await.unwrap().entries.len(), 2);
}

#[tokio::test]
async fn a_token_of_nobody_is_refused() {
    let node = Node::start_with(&TOKEN_SETTINGS).await;
    let stranger = StudioClient::open(options(node.public).credential(Credential::token("nonsense")));
    let is_refused = |snapshot: &Arc<StudioSnapshot>| matches!(snapshot.connection, ConnectionState::Refused(_));
    until("the refusal", &mut stranger.subscribe(), is_refused).await;
    let error = within("the refusal", stranger.stop(1)).await.unwrap_err();
    assert_eq!(code(&error), Some("UNAUTHORIZED"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_missed_or_repeated_while_nodes_restart() {
    let redis = RedisServer::start();
    let url = redis.url();
    let drain = [("store.url", url.as_str()), ("drain.notice", "0s"), ("drain.grace", "3s")];
    let settings = [&TOKEN_SETTINGS[..], &drain[..]].concat();
    let (mut one, two) = (Node::start_with(&settings).await, Node::start_with(&settings).await);
    let proxy = Proxy::start(one.public).await;
    let (ann, ben) = (member(proxy.port(), "1", 1).await, member(two.public, "2", 1).await);
    let mut events = ann.events();
    proxy.redirect_to(two.public);
    one.signal("TERM");
    let ending = tokio::spawn(async move { one.ended().await.code() });
    let mut count = 0;
    while !ending.is_finished() {
        let started = ben.start(&entry(1, EntryTarget::Session(1))).await.unwrap();
        ben.stop(started.id).await.unwrap();
        let received = [within("the start", events.next()).await, within("the end", events.next()).await];
        let [
            Some(Ok(StudioEvent::Timer(TimerEvent::Started(start)))),
            Some(Ok(StudioEvent::Timer(TimerEvent::Stopped(end)))),
        ] = received
        else {
            panic!("{received:?}");
        };
        assert_eq!([start.time_entry_id, end.time_entry_id], [started.id; 2]);
        count += 1;
    }
    assert_eq!((ending.await.unwrap(), count > 0), (Some(0), true));
    assert_eq!(ann.snapshot().connection, ConnectionState::Online);
}
