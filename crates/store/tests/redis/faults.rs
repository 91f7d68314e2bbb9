//! Faults of a real Redis and of its driver, and how a node handles them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use engine::store::{Connected, FaultKind, Signal};
use engine::{Delivery, Effect, Reader, Request};
use harness::{DEADLINE, RedisServer, free_port, wait_for};
use store::redis::RedisStore;
use timers::stopwatch::StopwatchCommand;
use timers::{Beat, Command, Millis, RequiredRows, Timestamp};
use tokio::time::timeout;

use super::node::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_redis_is_retried_and_commands_fail_meanwhile() {
    let port = free_port();
    let url = format!("redis://:secret@127.0.0.1:{port}");
    let connected = RedisStore::connect(&options(&url, "a")).expect("the driver accepts its configuration");
    let not_ready = connected.store.ready().unwrap_err();
    assert!(!not_ready.contains("secret"), "{not_ready}");
    let began = Instant::now();
    let fault = connected.store.load(&scope("ann"), &RequiredRows::default()).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Unavailable);
    assert!(began.elapsed() < Duration::from_secs(1), "a command does not wait for a connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_connects_to_a_redis_that_starts_later_and_to_one_that_restarts() {
    let mut server = RedisServer::start();
    server.kill();
    let node = Node::start(&server.url(), "a");
    assert!(node.engine.store().ready().is_err());
    server.restart();
    node.is_ready().await;
    node.start_session("one").await.expect("works");

    server.kill();
    node.is_not_ready().await;
    server.restart();
    node.is_ready().await;
    node.start_session("two").await.expect("scripts are sent again to a restarted server");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_reply_is_lost_takes_effect_once() {
    let server = RedisServer::start();
    let node = Node::start(&server.url(), "a");
    node.is_ready().await;
    node.start_session("warm").await.expect("works");
    // The server executes the commit and replies only after the driver's timeout.
    server.freeze();
    let engine = Arc::clone(&node.engine);
    let sent = tokio::spawn(async move { engine.execute(request("once", Some(7))).await });
    wait_for("the driver's timeout", || node.engine.store().ready().is_err()).await;
    server.thaw();
    let outcome = timeout(DEADLINE, sent).await.expect("in time").expect("no panic");
    node.is_ready().await;
    let again = node.engine.execute(request("once", Some(7))).await.expect("works");
    if let Ok(outcome) = outcome {
        assert!(matches!(again.effect, Effect::Repeated | Effect::Nothing), "{outcome:?}, then {again:?}");
    }
    let board = node.engine.store().load(&scope("ann"), &RequiredRows::default()).await.expect("loads");
    assert_eq!((board.position.revision.0, board.items.len()), (2, 2), "the session was started once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_redis_is_detected_and_displays_continue() {
    let server = RedisServer::start();
    let node = Node::start(&server.url(), "a");
    node.is_ready().await;
    node.start_session("shown").await.expect("works");
    let mut reader = Reader::new(node.engine.hub().join(&scope("ann")).await.expect("joins"));
    let mut beats: Vec<Beat> = Vec::new();
    read_beats(&mut reader, &mut beats, 2).await;
    server.freeze();
    read_beats(&mut reader, &mut beats, 6).await;
    node.is_not_ready().await;
    server.thaw();
    node.is_ready().await;
    read_beats(&mut reader, &mut beats, 9).await;
    for pair in beats.windows(2) {
        assert_eq!(pair[1], pair[0].next(), "no second missing, none doubled: {beats:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_missed_while_the_subscription_was_down_are_recovered() {
    let server = RedisServer::start();
    let (one, two) = (Node::start(&server.url(), "a"), Node::start(&server.url(), "b"));
    one.is_ready().await;
    two.is_ready().await;
    let mut reader = Reader::new(one.engine.hub().join(&scope("ann")).await.expect("joins"));
    for nth in 0..20 {
        server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).expect("answers");
        two.start_session(&format!("s{nth}")).await.expect("works");
    }
    let mut seen = 0;
    timeout(DEADLINE, async {
        loop {
            reader.catch_up(|delivery| match delivery {
                Delivery::Initial(view) | Delivery::Resync { new: view, .. } | Delivery::Diff { new: view, .. } => {
                    seen = view.board.items.len();
                }
                Delivery::Redated(_) | Delivery::Tick(..) => {}
            });
            if seen == 20 {
                return;
            }
            reader.changed().await;
        }
    })
    .await
    .expect("all sessions are delivered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_during_a_command_is_not_a_reply() {
    const CUTS: usize = 40;
    let server = RedisServer::start();
    let node = Node::start(&server.url(), "a");
    node.is_ready().await;
    let ends = Arc::new(AtomicBool::new(false));
    let readers = (0..16).map(|_| {
        let (store, ends) = (Arc::clone(node.engine.store()), Arc::clone(&ends));
        tokio::spawn(async move {
            let mut failed = Vec::new();
            while !ends.load(Ordering::Relaxed) {
                failed.extend(store.load(&scope("ann"), &RequiredRows::default()).await.err());
            }
            failed
        })
    });
    let readers: Vec<_> = readers.collect();
    for _ in 0..CUTS {
        server.command(&["CLIENT", "KILL", "TYPE", "normal"]).expect("answers");
        node.is_ready().await;
    }
    ends.store(true, Ordering::Relaxed);
    let mut broken = 0;
    for reader in readers {
        for fault in reader.await.expect("no panic") {
            assert_ne!(fault.kind(), FaultKind::Damaged, "{fault}");
            broken += usize::from(fault.kind() == FaultKind::Unknown);
        }
    }
    assert!(broken > 0, "no command was in flight");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_commit_is_delivered_to_subscribers_that_joined_before_it() {
    // The driver returns from SUBSCRIBE when it is written, not executed: without a barrier some first updates are missed.
    let server = RedisServer::start();
    let (one, two) = (Node::start(&server.url(), "a"), Node::start(&server.url(), "b"));
    one.is_ready().await;
    two.is_ready().await;
    for nth in 0..200 {
        let user = scope(&format!("user-{nth}"));
        let gaps = one.engine.stats().gaps.get() + one.engine.stats().positions_differed.get();
        let mut reader = Reader::new(one.engine.hub().join(&user).await.expect("joins"));
        reader.catch_up(|_| {});
        let request = Request { scope: user, ..request("s", None) };
        two.engine.execute(request).await.expect("works");
        timeout(Duration::from_secs(5), reader.changed()).await.expect("the update arrives");
        let after = one.engine.stats().gaps.get() + one.engine.stats().positions_differed.get();
        assert_eq!(after, gaps, "the update arrived and was not recovered later");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_beat_and_the_reports_of_nodes_continue_when_the_memory_of_redis_is_full() {
    let server = RedisServer::start_with(&["--maxmemory-policy", "noeviction"]);
    let node = Node::start(&server.url(), "a");
    node.is_ready().await;
    node.start_session("s").await.expect("works");
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).expect("answers");
    assert!(node.start_session("t").await.is_err_and(|error| error.to_string().contains("OOM")));
    wait_for("the reason", || node.engine.store().ready().is_err_and(|why| why.contains("OOM"))).await;
    let heard = || node.engine.stats().beats.get() - node.engine.stats().beats_filled.get();
    let before = heard();
    wait_for("beats", || heard() >= before + 3).await;
    assert!(node.engine.is_active_leader());
    let reports = node.engine.store().node_reports().expect("keeps reports");
    reports.put("a", "full", Millis(60_000)).await.expect("writes");
    assert_eq!(reports.all().await.expect("reads")[0].text, "full");
    server.command(&["CONFIG", "SET", "maxmemory", "0"]).expect("answers");
    node.is_ready().await;
    node.start_session("t").await.expect("works again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_another_type_does_not_tear_a_commit() {
    let server = RedisServer::start();
    let node = Node::start(&server.url(), "a");
    node.is_ready().await;
    node.start_session("s").await.expect("works");
    let user = scope("ann");
    let history = "tickcast:{".to_owned();
    let keys = server.command(&["EVAL", "return redis.call('KEYS', '*board*')[1]", "0"]).expect("answers");
    assert!(keys.starts_with(&history), "{keys}");
    let index = keys.replace(":board:", ":history-index:");
    server.command(&["SET", &index, "not ours"]).expect("answers");
    let stop = Request { command: Command::Stopwatch(StopwatchCommand::Stop(session("s"))), ..request("s", None) };
    let refused = node.engine.execute(stop).await.unwrap_err();
    assert!(refused.to_string().contains("is a string"), "{refused}");
    let stored = node.engine.store().load(&user, &RequiredRows::default()).await.expect("loads");
    assert_eq!(stored.position.revision.0, 1, "nothing was written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flushed_redis_empties_the_views() {
    let server = RedisServer::start();
    let node = Node::start(&server.url(), "a");
    node.is_ready().await;
    node.start_session("s").await.expect("works");
    let mut reader = Reader::new(node.engine.hub().join(&scope("ann")).await.expect("joins"));
    server.command(&["FLUSHALL"]).expect("answers");
    timeout(DEADLINE, async {
        let mut empty = false;
        while !empty {
            reader.changed().await;
            reader.catch_up(|delivery| {
                if let Delivery::Resync { new: view, .. } = delivery {
                    empty = view.board.items.is_empty();
                }
            });
        }
    })
    .await
    .expect("the view follows the store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_dropped_in_a_flood_are_reported() {
    let server = RedisServer::start();
    let Connected { store, mut signals } =
        RedisStore::connect(&options(&server.url(), "a")).expect("the driver accepts its configuration");
    wait_for("the store", || store.ready().is_ok()).await;
    store.watch(&scope("ann")).await.expect("watches");
    let node = Node::start(&server.url(), "b");
    node.is_ready().await;
    node.start_session("s").await.expect("works");
    let Some(Signal::Updated(update)) = next_update(&mut signals).await else { panic!("an update") };
    // More updates arrive than all queues hold, and the test does not read.
    let channel = server.command(&["EVAL", "return redis.call('PUBSUB', 'CHANNELS', '*user:ann')[1]", "0"]);
    let flood = "for i = 1, 50000 do redis.call('PUBLISH', KEYS[1], ARGV[1]) end return 'done'";
    let body = r#"{"v":1,"scope":"user:ann","prev":"0000000000000001","rev":9,"tag":"0000000000000002","at":1}"#;
    server.command(&["EVAL", flood, "1", &channel.expect("answers"), body]).expect("answers");
    let mut heard = 0;
    let mut lost = false;
    timeout(DEADLINE, async {
        while !lost {
            match signals.recv().await {
                Some(Signal::Lost(_)) => lost = true,
                Some(Signal::Updated(_)) => heard += 1,
                Some(Signal::Beat(_) | Signal::Vacant | Signal::Restored(_)) => {}
                None => panic!("a live store"),
            }
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{heard} of 50000 arrived and no loss was reported; {update:?}"));
}

async fn next_update(signals: &mut tokio::sync::mpsc::Receiver<Signal>) -> Option<Signal> {
    loop {
        match timeout(DEADLINE, signals.recv()).await.expect("in time") {
            Some(update @ Signal::Updated(_)) => return Some(update),
            Some(_) => {}
            None => return None,
        }
    }
}

/// Reads until `wanted` beats were delivered in total.
async fn read_beats(reader: &mut Reader, beats: &mut Vec<Beat>, wanted: usize) {
    timeout(DEADLINE, async {
        loop {
            reader.catch_up(|delivery| {
                if let Delivery::Tick(_, beat) = delivery {
                    beats.push(beat);
                }
            });
            if beats.len() >= wanted {
                return;
            }
            reader.changed().await;
        }
    })
    .await
    .expect("beats in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn due_entries_of_unknown_and_malformed_scopes_do_not_hide_others() {
    let server = RedisServer::start();
    let node = Node::start(&server.url(), "a");
    node.is_ready().await;
    node.start_session("s").await.expect("works");
    let stop = Request { command: Command::Stopwatch(StopwatchCommand::Stop(session("s"))), ..request("s", None) };
    node.engine.execute(stop).await.expect("works; the session is purged later");
    let index = server.command(&["EVAL", "return redis.call('KEYS', '*:due')[1]", "0"]).expect("answers");
    for nth in 0..40 {
        server.command(&["ZADD", &index, "1", &format!("planet:{nth}")]).expect("answers");
    }
    for entry in ["", "no scope", "user:", "\u{fffd}"] {
        server.command(&["ZADD", &index, "2", entry]).expect("answers");
    }
    let not_utf8 = "return redis.call('ZADD', KEYS[1], 3, string.char(255, 254))";
    server.command(&["EVAL", not_utf8, "1", &index]).expect("answers");
    let page = node.engine.store().due(Timestamp(u64::MAX >> 12), 16).await.expect("answers");
    assert_eq!(page.due.iter().map(|due| &due.scope).collect::<Vec<_>>(), [&scope("ann")]);
    assert!(!page.more);
}
