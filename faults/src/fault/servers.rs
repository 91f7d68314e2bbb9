//! Faults of Redis: kill, freeze, killed clients, deleted data and failover.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::RedisServer;
use tokio::time::Instant;

use super::FaultContext;
use crate::cluster::{DisturbanceKind, NODES};

/// SIGKILL, and a restart from the append-only file, which has every acknowledged write.
pub(super) async fn kill(context: &mut FaultContext<'_>) -> Result<()> {
    let since = Instant::now();
    context.cluster.primary.kill();
    let span = context.span(200, if context.short { 800 } else { 3000 });
    context.wait(span).await;
    context.cluster.primary.restart();
    context.cluster.note_all(DisturbanceKind::Disconnected, since);
    Ok(())
}

/// SIGSTOP for longer than a connection may be silent, and SIGCONT.
pub(super) async fn freeze(context: &mut FaultContext<'_>) -> Result<()> {
    let since = Instant::now();
    context.cluster.primary.freeze();
    context.wait(Duration::from_millis(3300)).await;
    context.cluster.primary.thaw();
    context.cluster.note_all(DisturbanceKind::Disconnected, since);
    Ok(())
}

/// The server closes connections, alternately of both kinds.
pub(super) async fn kill_clients(context: &mut FaultContext<'_>) -> Result<()> {
    let since = Instant::now();
    for nth in 0..if context.short { 4 } else { 12 } {
        let kind = if nth % 2 == 0 { "pubsub" } else { "normal" };
        let killed = context.cluster.primary.command(&["CLIENT", "KILL", "TYPE", kind])?;
        ensure!(nth > 1 || killed != ":0", "there was no {kind} client");
        let span = context.span(50, 700);
        context.wait(span).await;
    }
    context.cluster.note_all(DisturbanceKind::Disconnected, since);
    Ok(())
}

/// Deletes all keys without notice to the nodes.
pub(super) async fn flush(context: &mut FaultContext<'_>) -> Result<()> {
    let since = Instant::now();
    let reply = context.cluster.primary.command(&["FLUSHALL"])?;
    ensure!(reply == "+OK", "{reply}");
    context.cluster.note_all(DisturbanceKind::Disconnected, since);
    Ok(())
}

/// Kills the primary, and its replica takes over; acknowledged writes are on both.
pub(super) async fn fail_over(context: &mut FaultContext<'_>) -> Result<()> {
    let since = Instant::now();
    context.cluster.primary.kill();
    let span = context.span(200, 1500);
    context.wait(span).await;
    fail_over_connections(context)?;
    // The new primary has no replica until the old primary is one: no commit can be acknowledged.
    if let Some(old) = &mut context.cluster.replica {
        old.restart();
        old.follow(&context.cluster.primary);
    }
    context.cluster.note_all(DisturbanceKind::Disconnected, since);
    Ok(())
}

/// A lagging replica takes over while half of the connections still go to the old primary: later writes are lost,
/// and their revisions are reused with other content.
pub(super) async fn fail_over_to_lagging_replica(context: &mut FaultContext<'_>) -> Result<()> {
    let since = Instant::now();
    if let Some(replica) = &context.cluster.replica {
        // A promoted replica keeps its data and receives no more writes.
        replica.promote();
    }
    let span = context.span(500, if context.short { 1000 } else { 2000 });
    context.wait(span).await;
    redirect_new_connections(context)?;
    let old = context.cluster.replica.as_ref().context("there is no old primary")?;
    old.command(&["CLIENT", "KILL", "TYPE", "normal"])?;
    // Commands now go to the new primary; the subscriptions are still on the old one.
    let span = context.span(300, 1500);
    context.wait(span).await;
    if let Some(old) = &mut context.cluster.replica {
        old.kill();
    }
    context.cluster.note_all(DisturbanceKind::Disconnected, since);
    Ok(())
}

/// The sentinels replace a primary that works, or stops at that moment, and is not demoted: the nodes must follow the
/// sentinels. Writes after the promotion are lost.
pub(super) async fn fail_over_by_sentinels(context: &mut FaultContext<'_>) -> Result<()> {
    let since = Instant::now();
    context.cluster.primary.refuse_demotion();
    context.cluster.sentinels()?.fail_over();
    let end = Instant::now() + harness::DEADLINE;
    let mut poll = tokio::time::interval(Duration::from_millis(20));
    while !context.cluster.follow_sentinels()? {
        ensure!(Instant::now() < end, "the sentinels name no other primary");
        poll.tick().await;
    }
    let is_stopped = context.random.bool();
    if is_stopped {
        context.cluster.old_primary()?.freeze();
    }
    let named_at = Instant::now();
    while subscribers(&context.cluster.primary)? < NODES {
        ensure!(Instant::now() < end, "the nodes do not follow the sentinels");
        poll.tick().await;
    }
    println!("    the nodes followed the sentinels after {:.2} s", named_at.elapsed().as_secs_f64());
    let span = context.span(500, 1500);
    context.wait(span).await;
    let old = context.cluster.old_primary()?;
    if is_stopped {
        old.thaw();
    }
    old.accept_demotion();
    context.cluster.note_all(DisturbanceKind::Disconnected, since);
    Ok(())
}

/// Returns the number of nodes that subscribe on a server; sentinels subscribe too.
fn subscribers(server: &RedisServer) -> Result<usize> {
    let clients = server.command(&["CLIENT", "LIST", "TYPE", "pubsub"])?;
    Ok(clients.lines().filter(|client| client.contains("id=") && !client.contains("name=sentinel")).count())
}

fn fail_over_connections(context: &mut FaultContext<'_>) -> Result<()> {
    redirect_new_connections(context)?;
    context.cluster.links.iter().for_each(harness::Proxy::reset);
    Ok(())
}

fn redirect_new_connections(context: &mut FaultContext<'_>) -> Result<()> {
    context.cluster.promote_replica()?;
    for link in &context.cluster.links {
        link.redirect_to(context.cluster.primary.port());
    }
    Ok(())
}
