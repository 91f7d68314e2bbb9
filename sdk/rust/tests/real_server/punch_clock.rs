//! Punch clock: devices of one person.

use std::sync::Arc;

use harness::{Node, Proxy, free_port};
use tickcast_client::punch_clock::{DayChanges, DayLogQuery, Punch, PunchClockSnapshot, PunchId, WorkDay, WorkStatus};
use tickcast_client::{CommandError, ConnectionState, Credential, PunchClockClient, Times};

use super::client::{options, unix_ms, until, within};

async fn device(port: u16) -> PunchClockClient {
    let client = PunchClockClient::open(options(port).credential(Credential::user("ada")));
    until("the day", &mut client.subscribe(), |snapshot| snapshot.day.is_some()).await;
    client
}

fn status(snapshot: &PunchClockSnapshot) -> Option<WorkStatus> {
    snapshot.day.as_ref().map(|day| day.current_status)
}

fn kinds(day: &WorkDay) -> Vec<WorkStatus> {
    day.entries.iter().map(|entry| entry.kind).collect()
}

#[tokio::test]
async fn devices_show_one_day_and_a_punch_waits_for_the_server_under_the_time_of_the_button() {
    let node = Node::start().await;
    let proxy = Proxy::start(node.public).await;
    let (one, two) = (device(proxy.port()).await, device(node.public).await);
    let stored = within("the punch", one.clock_in()).await.unwrap();
    assert_eq!((kinds(&stored.day), stored.ignored), (vec![WorkStatus::In], Vec::new()));
    let (mut here, mut there) = (one.subscribe(), two.subscribe());
    let counts = |snapshot: &Arc<PunchClockSnapshot>| snapshot.work_seconds >= 2 && snapshot.times == Times::Live;
    until("two seconds", &mut here, counts).await;
    until("two seconds there", &mut there, counts).await;

    proxy.redirect_to(free_port());
    proxy.reset();
    until("the loss", &mut here, |snapshot| snapshot.connection != ConnectionState::Online).await;
    let pressed_at = unix_ms();
    let leaving = one.clone();
    let left = tokio::spawn(async move { leaving.clock_out().await });
    let pauses = |snapshot: &Arc<PunchClockSnapshot>| {
        status(snapshot) == Some(WorkStatus::Out) && snapshot.break_seconds >= 1 && snapshot.pending == 1
    };
    assert_eq!(until("a second of the break", &mut here, pauses).await.times, Times::Continued);
    let restored_at = unix_ms();
    proxy.redirect_to(node.public);
    one.retry_now().await;
    let day = within("the punch", left).await.unwrap().unwrap().day;
    assert_eq!(kinds(&day), [WorkStatus::In, WorkStatus::Out]);
    let timestamp = day.entries[1].timestamp;
    assert!((pressed_at - 500..restored_at).contains(&timestamp), "{pressed_at} {timestamp} {restored_at}");
    until("the punch there", &mut there, |snapshot| status(snapshot) == Some(WorkStatus::Out)).await;
}

#[tokio::test]
async fn a_punch_is_stored_once_and_the_day_has_a_theme_a_zone_a_reset_and_an_archive() {
    let node = Node::start().await;
    let client = device(node.public).await;
    let yesterday = unix_ms() - 86_400_000;
    for (id, kind, timestamp) in [(1, WorkStatus::In, yesterday), (2, WorkStatus::Out, yesterday + 60_000)] {
        let punch = Punch { id: PunchId::Number(id.into()), kind, timestamp, time: None };
        for _ in 0..2 {
            within("the punch", client.punch(punch.clone())).await.unwrap();
        }
    }
    let page = client.logs(&DayLogQuery::default()).await.unwrap();
    let punches: usize = page.logs.iter().map(|log| log.entries.len()).sum();
    assert!(punches == 2 && page.pagination.total_logs == page.logs.len() as u64, "{page:?}");
    let none =
        client.logs(&DayLogQuery { date: Some("2001-01-01".to_owned()), ..DayLogQuery::default() }).await.unwrap();
    assert!(none.logs.is_empty());

    client.clock_in().await.unwrap();
    let themed = client.set_theme("dark").await.unwrap();
    assert_eq!((themed.day.current_theme.as_str(), &themed.day), ("dark", client.snapshot().day.as_ref().unwrap()));
    let unknown = client.set_theme("no such theme").await.unwrap();
    assert_eq!(unknown.ignored[0].id, PunchId::Text("currentTheme".to_owned()));
    client.set_zone("Europe/Berlin").await.unwrap();
    assert_eq!(client.set_zone("Mars/Olympus").await.unwrap_err().status(), Some(400));
    client.reset().await.unwrap();
    let is_empty = |snapshot: &Arc<PunchClockSnapshot>| snapshot.day.as_ref().unwrap().entries.is_empty();
    until("the empty day", &mut client.subscribe(), is_empty).await;
    let day = client.refresh().await.unwrap();
    assert!(day.entries.is_empty() && day.current_theme == "dark");
    let stored = client.save(&DayChanges { entries: themed.day.entries.clone(), current_theme: None }).await.unwrap();
    assert_eq!((stored.day.entries.len(), stored.ignored.len()), (0, 1), "a deleted punch stays deleted");
    let stranger = PunchClockClient::open(options(node.public).credential(Credential::token("no token")));
    let error = within("the refusal", stranger.clock_in()).await.unwrap_err();
    assert!(matches!(&error, CommandError::Http(error) if error.status() == Some(401)), "{error}");
}

#[tokio::test]
async fn punches_of_a_program_that_ended_are_sent_by_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("punches.json");
    let proxy = Proxy::start(free_port()).await;
    let options = options(proxy.port()).credential(Credential::user("ada"));
    let first = PunchClockClient::open_with_outbox(options.clone(), &file).unwrap();
    let punching = first.clone();
    let punched = tokio::spawn(async move { punching.clock_in().await });
    until("the punch", &mut first.subscribe(), |snapshot| snapshot.pending == 1).await;
    first.close().await;
    assert_eq!(punched.await.unwrap(), Err(CommandError::Stored));
    let node = Node::start().await;
    proxy.redirect_to(node.public);
    let next = PunchClockClient::open_with_outbox(options, &file).unwrap();
    let is_stored = |snapshot: &Arc<PunchClockSnapshot>| {
        snapshot.pending == 0 && snapshot.day.as_ref().is_some_and(|day| kinds(day) == [WorkStatus::In])
    };
    until("the punch", &mut next.subscribe(), is_stored).await;
}
