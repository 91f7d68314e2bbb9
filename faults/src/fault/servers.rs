//! A Redis that dies, stands still, drops its clients, forgets, or gives way to its replica.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::Scene;
use crate::cluster::Kind;

/// SIGKILL, and a new start from the file in which every answered write is.
pub(super) async fn kill(scene: &mut Scene<'_>) -> Result<()> {
    let since = Instant::now();
    scene.cluster.primary.kill();
    let span = scene.span(200, if scene.short { 800 } else { 3000 });
    scene.wait(span).await;
    scene.cluster.primary.start_again();
    scene.cluster.note_all(Kind::Cut, since);
    Ok(())
}

/// SIGSTOP for longer than a link may be silent, and SIGCONT.
pub(super) async fn freeze(scene: &mut Scene<'_>) -> Result<()> {
    let since = Instant::now();
    scene.cluster.primary.freeze();
    scene.wait(Duration::from_millis(3300)).await;
    scene.cluster.primary.thaw();
    scene.cluster.note_all(Kind::Cut, since);
    Ok(())
}

/// The server closes connections, of one kind and of the other.
pub(super) async fn kill_clients(scene: &mut Scene<'_>) -> Result<()> {
    let since = Instant::now();
    for nth in 0..if scene.short { 4 } else { 12 } {
        let kind = if nth % 2 == 0 { "pubsub" } else { "normal" };
        let killed = scene.cluster.primary.command(&["CLIENT", "KILL", "TYPE", kind])?;
        ensure!(nth > 1 || killed != ":0", "there was no {kind} client");
        let span = scene.span(50, 700);
        scene.wait(span).await;
    }
    scene.cluster.note_all(Kind::Cut, since);
    Ok(())
}

/// All keys are gone, and the nodes are not told.
pub(super) async fn flush(scene: &mut Scene<'_>) -> Result<()> {
    let since = Instant::now();
    let answer = scene.cluster.primary.command(&["FLUSHALL"])?;
    ensure!(answer == "+OK", "{answer}");
    scene.cluster.note_all(Kind::Cut, since);
    Ok(())
}

/// The primary dies and its replica takes over; what was acknowledged was on both.
pub(super) async fn fail_over(scene: &mut Scene<'_>) -> Result<()> {
    let since = Instant::now();
    scene.cluster.primary.kill();
    let span = scene.span(200, 1500);
    scene.wait(span).await;
    take_over(scene)?;
    // The new primary has no replica until the old one is back as one: nothing can be acknowledged.
    if let Some(old) = &mut scene.cluster.replica {
        old.start_again();
        old.follow(&scene.cluster.primary);
    }
    scene.cluster.note_all(Kind::Cut, since);
    Ok(())
}

/// The replica falls behind, then takes over while half of the links still lead to the old primary: what came
/// since is gone, and its revisions come again with other content.
pub(super) async fn fail_over_behind(scene: &mut Scene<'_>) -> Result<()> {
    let since = Instant::now();
    if let Some(replica) = &scene.cluster.replica {
        // A replica that is told to follow nobody has what it had, and hears no more.
        replica.promote();
    }
    let span = scene.span(500, if scene.short { 1000 } else { 2000 });
    scene.wait(span).await;
    take_over_of_new_links(scene)?;
    let old = scene.cluster.replica.as_ref().context("there is no old primary")?;
    old.command(&["CLIENT", "KILL", "TYPE", "normal"])?;
    // Now commands go to the new primary, and the subscriptions are with the old one.
    let span = scene.span(300, 1500);
    scene.wait(span).await;
    if let Some(old) = &mut scene.cluster.replica {
        old.kill();
    }
    scene.cluster.note_all(Kind::Cut, since);
    Ok(())
}

fn take_over(scene: &mut Scene<'_>) -> Result<()> {
    take_over_of_new_links(scene)?;
    scene.cluster.links.iter().for_each(harness::Proxy::reset);
    Ok(())
}

fn take_over_of_new_links(scene: &mut Scene<'_>) -> Result<()> {
    scene.cluster.promote_replica()?;
    for link in &scene.cluster.links {
        link.lead_to(scene.cluster.primary.port());
    }
    Ok(())
}
