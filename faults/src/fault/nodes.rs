//! Faults of nodes: kill, freeze, restart and starvation.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, ensure};
use harness::Running;
use tokio::time::Instant;

use super::FaultContext;
use crate::cluster::{DisturbanceKind, NODES};

/// SIGKILL, and after a moment a restart on the same ports.
pub(super) async fn kill(context: &mut FaultContext<'_>, leads: bool) -> Result<()> {
    let node = context.choose(leads).await?;
    let since = Instant::now();
    context.cluster.nodes[node].kill();
    let span = context.span(500, if context.short { 1000 } else { 3000 });
    context.wait(span).await;
    context.cluster.nodes[node].restart().await;
    context.cluster.note(node, DisturbanceKind::Down, since);
    Ok(())
}

/// SIGSTOP, so that all sockets stay open and silent, and SIGCONT.
pub(super) async fn freeze(context: &mut FaultContext<'_>, leads: bool) -> Result<()> {
    let node = context.choose(leads).await?;
    let since = Instant::now();
    context.cluster.nodes[node].freeze();
    context.wait(Duration::from_secs(if context.short { 4 } else { 10 })).await;
    context.cluster.nodes[node].thaw();
    context.cluster.note(node, DisturbanceKind::Down, since);
    Ok(())
}

/// SIGTERM and a restart, one node after the other.
pub(super) async fn restart(context: &mut FaultContext<'_>) -> Result<()> {
    for node in 0..NODES {
        let since = Instant::now();
        context.cluster.nodes[node].signal("TERM");
        let status = context.cluster.nodes[node].ended().await;
        ensure!(status.success(), "node {node} ended with {status}");
        context.cluster.nodes[node].restart().await;
        context.cluster.note(node, DisturbanceKind::Down, since);
        let span = context.span(100, 500);
        context.wait(span).await;
    }
    Ok(())
}

/// Other processes use all processors, and nodes are stopped for moments.
pub(super) async fn starve(context: &mut FaultContext<'_>) -> Result<()> {
    let process_count = std::thread::available_parallelism()?.get() * 2;
    let burners: Vec<Running> = (0..process_count).map(|_| burner()).collect();
    let started_at = Instant::now();
    let end = started_at + Duration::from_secs(if context.short { 3 } else { 8 });
    while Instant::now() < end {
        let node = context.random.usize(0..NODES);
        let since = Instant::now();
        context.cluster.nodes[node].freeze();
        let span = context.span(50, 900);
        context.wait(span).await;
        context.cluster.nodes[node].thaw();
        context.cluster.note(node, DisturbanceKind::Down, since);
        let span = context.span(50, 300);
        context.wait(span).await;
    }
    // Delays caused by a lack of processor time are not faults of a node.
    context.cluster.note_all(DisturbanceKind::Disconnected, started_at);
    drop(burners);
    Ok(())
}

/// Starts a process that uses a processor.
fn burner() -> Running {
    Running::start(Command::new("sh").args(["-c", "while :; do :; done"]).stdout(Stdio::null()))
}
