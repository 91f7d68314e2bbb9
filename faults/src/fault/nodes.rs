//! Nodes that die, stand still, are restarted or starve.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, ensure};
use harness::Running;
use tokio::time::Instant;

use super::Scene;
use crate::cluster::{Kind, NODES};

/// SIGKILL, and after a moment a start on the same ports.
pub(super) async fn kill(scene: &mut Scene<'_>, leads: bool) -> Result<()> {
    let node = scene.choose(leads).await?;
    let since = Instant::now();
    scene.cluster.nodes[node].kill();
    let span = scene.span(500, if scene.short { 1000 } else { 3000 });
    scene.wait(span).await;
    scene.cluster.nodes[node].start_again().await;
    scene.cluster.note(node, Kind::Down, since);
    Ok(())
}

/// SIGSTOP, so that all sockets stay open and silent, and SIGCONT.
pub(super) async fn freeze(scene: &mut Scene<'_>, leads: bool) -> Result<()> {
    let node = scene.choose(leads).await?;
    let since = Instant::now();
    scene.cluster.nodes[node].freeze();
    scene.wait(Duration::from_secs(if scene.short { 4 } else { 10 })).await;
    scene.cluster.nodes[node].thaw();
    scene.cluster.note(node, Kind::Down, since);
    Ok(())
}

/// SIGTERM and a new start, one node after the other.
pub(super) async fn restart(scene: &mut Scene<'_>) -> Result<()> {
    for node in 0..NODES {
        let since = Instant::now();
        scene.cluster.nodes[node].signal("TERM");
        let status = scene.cluster.nodes[node].ended().await;
        ensure!(status.success(), "node {node} ended with {status}");
        scene.cluster.nodes[node].start_again().await;
        scene.cluster.note(node, Kind::Down, since);
        let span = scene.span(100, 500);
        scene.wait(span).await;
    }
    Ok(())
}

/// Processes take the processors from the nodes, and nodes lose theirs altogether for moments.
pub(super) async fn starve(scene: &mut Scene<'_>) -> Result<()> {
    let rivals = std::thread::available_parallelism()?.get() * 2;
    let burners: Vec<Running> = (0..rivals).map(|_| burner()).collect();
    let begun = Instant::now();
    let end = begun + Duration::from_secs(if scene.short { 3 } else { 8 });
    while Instant::now() < end {
        let node = scene.random.usize(0..NODES);
        let since = Instant::now();
        scene.cluster.nodes[node].freeze();
        let span = scene.span(50, 900);
        scene.wait(span).await;
        scene.cluster.nodes[node].thaw();
        scene.cluster.note(node, Kind::Down, since);
        let span = scene.span(50, 300);
        scene.wait(span).await;
    }
    // What was late because of a lack of time is no sign of a node's doing.
    scene.cluster.note_all(Kind::Cut, begun);
    drop(burners);
    Ok(())
}

/// Starts a process that does nothing, all the time.
fn burner() -> Running {
    Running::start(Command::new("sh").args(["-c", "while :; do :; done"]).stdout(Stdio::null()))
}
