//! Watching scopes, and the signals of their commits.

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{DEADLINE, Fixture, fresh, must, node, scope};
use crate::store::Signal;
use crate::update::Update;

pub async fn every_commit_of_a_watched_scope_is_signalled_in_order(fixture: &dyn Fixture) {
    let mut first = node(fixture).await;
    let mut second = fixture.connect().await;
    let ann = scope("ann");
    first.store.watch(&ann).await.expect("watches");
    first.store.watch(&ann).await.expect("watching twice is harmless");
    if let Some(second) = &second {
        second.store.watch(&ann).await.expect("watches");
    }
    let mut tags = Vec::new();
    for id in 1..=50 {
        let commit = fresh(&*first.store, &ann, id).await;
        tags.push(commit.tag);
        must(&*first.store, commit).await;
    }
    for tag in &tags {
        assert_eq!(update(&mut first.signals).await.position.tag, *tag, "each once, in order");
    }
    if let Some(second) = &mut second {
        for tag in &tags {
            assert_eq!(update(&mut second.signals).await.position.tag, *tag, "on other nodes too");
        }
    }
}

pub async fn a_scope_that_is_not_watched_is_not_signalled(fixture: &dyn Fixture) {
    let mut node = node(fixture).await;
    let (ann, ben) = (scope("ann"), scope("ben"));
    node.store.watch(&ann).await.expect("watches");
    node.store.watch(&ben).await.expect("watches");
    node.store.unwatch(&ann);
    let mut id = 0;
    timeout(DEADLINE, async {
        // `unwatch` is not confirmed, so a few commits may still be signalled.
        loop {
            id += 1;
            let of_ann = fresh(&*node.store, &ann, id).await;
            must(&*node.store, of_ann).await;
            let of_ben = fresh(&*node.store, &ben, id).await;
            let marker = of_ben.tag;
            must(&*node.store, of_ben).await;
            let signalled = update(&mut node.signals).await;
            if signalled.scope == ben {
                assert_eq!(signalled.position.tag, marker);
                return;
            }
            assert_eq!(update(&mut node.signals).await.scope, ben);
        }
    })
    .await
    .expect("`unwatch` takes effect");
}

async fn update(signals: &mut mpsc::Receiver<Signal>) -> Update {
    loop {
        let signal = timeout(DEADLINE, signals.recv()).await.expect("a signal in time").expect("a live store");
        if let Signal::Updated(update) = signal {
            return *update;
        }
    }
}
