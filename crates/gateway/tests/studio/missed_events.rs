//! Events that happen while a node's link to Redis is cut.

use harness::{Node, Pipe, Proxy, RedisServer, SocketIo, wait_until};
use serde_json::{Value, json};

use super::member::{ADJUST, Member, START, start_at, start_over};

/// Events that an organisation keeps.
const KEPT: usize = 256;

/// Two nodes, of which the first reaches Redis through a proxy.
struct Cluster {
    redis: RedisServer,
    link: Proxy,
    cut: Node,
    whole: Node,
}

impl Cluster {
    async fn start() -> Self {
        let redis = RedisServer::start();
        let link = Proxy::start(redis.port()).await;
        let cut = start_at(&format!("redis://127.0.0.1:{}", link.port()), "a").await;
        let whole = start_over(&redis, "b").await;
        Self { redis, link, cut, whole }
    }

    async fn cut(&self, how: Pipe) {
        self.link.set(how, how);
        wait_until("the cut to be noticed", async || self.cut.get_internal("/readyz").await.status == 503).await;
    }

    async fn heal(&self) {
        self.link.heal();
        wait_until("the node to be ready", async || self.cut.get_internal("/readyz").await.status == 200).await;
    }
}

fn summary((name, payload): (String, Value)) -> (String, Value) {
    (name, payload["timeEntryId"].clone())
}

/// Receives events up to one of a name and an entry.
async fn until(socket: &mut SocketIo, name: &str, entry: &Value) -> Vec<(String, Value)> {
    let mut received = Vec::new();
    while received.last() != Some(&(name.to_owned(), entry.clone())) {
        received.push(summary(socket.next().await));
    }
    received
}

#[tokio::test]
async fn the_sockets_of_a_node_that_was_cut_off_receive_each_event_once_and_in_order() {
    let cluster = Cluster::start().await;
    let (ann, ben) = (Member::new(&cluster.cut, 1, 1), Member::new(&cluster.whole, 2, 1));
    let mut sockets = [ann.socket().await, Member::new(&cluster.cut, 3, 1).socket().await];
    let mut seen = ben.socket().await;
    for (round, how) in (1..).zip([Pipe::Dropped, Pipe::Held, Pipe::Dropped]) {
        let before = ben.start(1000 + round).await;
        for socket in &mut sockets {
            until(socket, "timer:started", &before["id"]).await;
        }
        until(&mut seen, "timer:started", &before["id"]).await;
        cluster.cut(how).await;
        let mut last = before;
        for nth in 0..40 {
            let entry = ben.start(round * 100 + nth).await;
            ben.mutate(ADJUST, &json!({ "timeEntryId": entry["id"], "notes": "x" })).await.data();
            last = ben.stop(&entry).await;
            ben.mutate(ADJUST, &json!({ "timeEntryId": entry["id"], "notes": "y" })).await.data();
        }
        let expected = until(&mut seen, "timer:stopped", &last["id"]).await;
        assert_eq!(expected.len(), 40 * 4 - 1);
        cluster.heal().await;
        for socket in &mut sockets {
            assert_eq!(until(socket, "timer:stopped", &last["id"]).await, expected);
        }
    }
}

#[tokio::test]
async fn a_procedure_at_a_node_that_was_cut_off_answers_503_and_a_repetition_takes_effect_once() {
    let cluster = Cluster::start().await;
    let (ann, ben) = (Member::new(&cluster.cut, 1, 1), Member::new(&cluster.whole, 2, 1));
    let mut seen = ben.socket().await;
    cluster.cut(Pipe::Dropped).await;
    let input = json!({ "taskTypeId": 1, "sessionId": 1 });
    let refused = ann.repeat("k", START, &input).await;
    assert_eq!((refused.0.status, refused.0.json()["error"]["code"].clone()), (503, json!(-32603)), "{refused:?}");
    assert_eq!(refused.error().0, "SERVICE_UNAVAILABLE");
    cluster.heal().await;
    let entry = ann.repeat("k", START, &input).await.data();
    assert_eq!(ann.at(&cluster.whole).repeat("k", START, &input).await.data(), entry);
    let stopped = ben.stop(&entry).await;
    assert_eq!(until(&mut seen, "timer:stopped", &stopped["id"]).await.len(), 2, "started and stopped once");
}

#[tokio::test]
async fn a_client_that_misses_more_events_than_are_kept_receives_the_latest_and_knows_what_runs() {
    let cluster = Cluster::start().await;
    let (ann, ben) = (Member::new(&cluster.cut, 1, 1), Member::new(&cluster.whole, 2, 1));
    let mut socket = ann.socket().await;
    let known = ben.start(1).await;
    until(&mut socket, "timer:started", &known["id"]).await;
    cluster.cut(Pipe::Dropped).await;
    // Its start is lost: more events follow than are kept.
    let unknown = ben.start(2).await;
    let gone = ben.start(3).await;
    ben.stop(&gone).await;
    for _ in 0..KEPT / 2 + 10 {
        let entry = ben.start(4).await;
        ben.stop(&entry).await;
    }
    let last = ben.start(5).await;
    cluster.heal().await;
    let received = until(&mut socket, "timer:started", &last["id"]).await;
    assert_eq!(received.len(), KEPT + 1, "{received:?}");
    assert_eq!(
        received[0],
        ("timer:started".to_owned(), unknown["id"].clone()),
        "what runs and is unknown comes first"
    );
    let ids: Vec<u64> = received[1..].iter().map(|(_, id)| id.as_u64().unwrap()).collect();
    assert!(ids.is_sorted() && !ids.contains(&gone["id"].as_u64().unwrap()), "{ids:?}");
    assert!(!ids.contains(&known["id"].as_u64().unwrap()), "what the client knows is not repeated");
    let next = ben.stop(&last).await;
    assert_eq!(until(&mut socket, "timer:stopped", &next["id"]).await.len(), 1);
}

#[tokio::test]
async fn an_event_that_takes_the_place_of_one_that_redis_has_lost_is_received() {
    let mut cluster = Cluster::start().await;
    let (ann, ben) = (Member::new(&cluster.cut, 1, 1), Member::new(&cluster.whole, 2, 1));
    let mut socket = ann.socket().await;
    ben.start(1).await;
    assert_eq!(cluster.redis.command(&["SAVE"]).unwrap(), "+OK");
    let lost = ben.start(2).await;
    assert_eq!(until(&mut socket, "timer:started", &lost["id"]).await.len(), 2);
    cluster.cut(Pipe::Dropped).await;
    // As after the failover to a replica that has not received the last commit.
    cluster.redis.kill();
    cluster.redis.restart();
    wait_until("the node to be ready", async || cluster.whole.get_internal("/readyz").await.status == 200).await;
    let other = ben.mutate(START, &json!({ "taskTypeId": 2, "projectId": 3 })).await.data();
    assert_eq!(other["id"], lost["id"], "the event has the number of the lost one");
    cluster.heal().await;
    let next = ben.start(4).await;
    let mut projects = Vec::new();
    loop {
        let (_, payload) = socket.next().await;
        if payload["timeEntryId"] == next["id"] {
            break;
        }
        projects.push(payload["projectId"].clone());
    }
    assert_eq!(projects, [json!(3)]);
}
