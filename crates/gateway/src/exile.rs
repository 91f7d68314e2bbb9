//! Sending clients away, on whatever node they are: it is noted on a board that all nodes watch.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use engine::{ExecuteError, Reader, Request};
use timers::disconnect::{Command, Whom};
use timers::{DisconnectId, Scope, Timestamp};
use tokio::time::sleep;

use crate::node::Node;

/// Pause before a store that is away is asked again for the board.
const AGAIN: Duration = Duration::from_millis(100);

/// Notes for all nodes whom to send away.
pub(crate) async fn send_away(node: &Node, whom: Whom) -> Result<(), ExecuteError> {
    let id = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
    let id = DisconnectId::new(&id).expect("short and printable");
    let command = timers::Command::Disconnect(Command::SendAway(id, whom));
    let request = Request { scope: Scope::Cluster, command, id: None, by: None };
    node.engine.execute(request).await.map(|_| ())
}

/// Sends clients of this node away whenever it is noted, for ever; each note has its effect once.
pub(crate) async fn watch(node: Arc<Node>) {
    let feed = loop {
        match node.join(&Scope::Cluster).await {
            Ok(feed) => break feed,
            Err(why) => tracing::debug!(%why, "it can't be heard yet whom to send away"),
        }
        sleep(AGAIN).await;
    };
    let mut known = BTreeSet::new();
    let mut reader = Reader::new(feed);
    loop {
        let view = reader.shown().view;
        node.connections.note_sent_away(view.board.disconnects().cloned().collect());
        for noted in view.board.disconnects().filter(|noted| !known.contains(&noted.id)) {
            let now = node.engine.clock().now().unwrap_or(Timestamp(u64::MAX));
            let count = node.connections.send_away(&noted.whom, noted.at, now);
            tracing::info!(count, "clients are sent away");
            tracing::debug!(whom = ?noted.whom, "they are these");
        }
        known = view.board.disconnects().map(|noted| noted.id.clone()).collect();
        drop(view);
        reader.changed().await;
        reader.catch_up(|_| {});
    }
}
