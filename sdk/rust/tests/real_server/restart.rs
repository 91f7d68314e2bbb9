//! All nodes restart, one after the other.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::{Node, Proxy, RedisServer};
use tickcast_client::clockit::{ClockitSnapshot, SessionStart};
use tickcast_client::punch_clock::PunchClockSnapshot;
use tickcast_client::rooms::{CountdownCommand, NewRoom, RoomsSnapshot};
use tickcast_client::{ClockitClient, ConnectionState, Credential, PunchClockClient, RoomsClient};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::client::{options, until, within};

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
    // The seconds of a working day follow from the clock, so that only its connection tells what was missed.
    let worker = PunchClockClient::open(options(proxy.port()).credential(Credential::user("ada")));
    within("the punch", worker.clock_in()).await.unwrap();
    until("the day", &mut worker.subscribe(), |snapshot| snapshot.connection == ConnectionState::Online).await;
    let (day, _working) = record(worker.subscribe(), |snapshot: &PunchClockSnapshot| (None, &snapshot.connection));
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
    for (log, step) in [(ticks, 1), (countdown, -1), (day, 0)] {
        let seconds = seconds(&log);
        let expected: Vec<i64> = (0..).map(|nth| seconds[0] + nth * step).take(seconds.len()).collect();
        assert_eq!(seconds, expected);
        let phases = &log.lock().unwrap().phases;
        assert!(phases.len() == 1 && phases.contains("Online"), "{phases:?}");
    }
    assert_eq!(member.snapshot().room.as_ref().unwrap().client_id, membership);
}
