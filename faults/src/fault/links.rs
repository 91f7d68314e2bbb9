//! Links between nodes and Redis that are cut or slow.

use std::time::Duration;

use anyhow::{Result, ensure};
use harness::Way;
use tokio::time::Instant;

use super::Scene;
use crate::cluster::{Kind, NODES};

/// Cuts the link of one node, or of two, either so that bytes are lost or so that they come late. The first cut
/// is short enough to go unnoticed, the last one long enough to be found out.
pub(super) async fn cut(scene: &mut Scene<'_>, to_redis: bool, from_redis: bool) -> Result<()> {
    let spans: &[(u64, u64)] =
        if scene.short { &[(300, 800), (3200, 3500)] } else { &[(300, 1000), (1500, 2500), (3500, 5000)] };
    let mut cuts = [Way::Swallowed, Way::Held, Way::Swallowed];
    scene.random.shuffle(&mut cuts);
    for (&(from_ms, until_ms), &cut) in spans.iter().zip(&cuts) {
        let first = scene.random.usize(0..NODES);
        let count = scene.random.usize(1..=2);
        let cut_nodes: Vec<usize> = (0..count).map(|nth| (first + nth) % NODES).collect();
        let since = Instant::now();
        let way = |is_cut| if is_cut { cut } else { Way::FREE };
        for &node in &cut_nodes {
            scene.cluster.links[node].set(way(to_redis), way(from_redis));
        }
        let span = scene.span(from_ms, until_ms);
        scene.wait(span).await;
        for node in cut_nodes {
            scene.cluster.links[node].heal();
            scene.cluster.note(node, Kind::Cut, since);
        }
        let span = scene.span(300, 800);
        scene.wait(span).await;
    }
    let lost: u64 = scene.cluster.links.iter().map(harness::Proxy::lost_bytes).sum();
    let must_lose = cuts[..spans.len()].contains(&Way::Swallowed);
    ensure!(!must_lose || lost > 0, "no byte was lost");
    Ok(())
}

/// Makes one node's link slow, in each direction by its own time: below the 450 ms after which a node shows a
/// second that it did not hear.
pub(super) async fn delay(scene: &mut Scene<'_>) -> Result<()> {
    for _ in 0..if scene.short { 1 } else { 3 } {
        let node = scene.random.usize(0..NODES);
        let (to_redis, from_redis) = (scene.span(10, 200), scene.span(50, 400));
        scene.cluster.links[node].set(Way::Open(to_redis), Way::Open(from_redis));
        scene.wait(Duration::from_secs(if scene.short { 2 } else { 4 })).await;
        scene.cluster.links[node].heal();
        // What is said now overtakes, on another connection, what is still on its way.
        let healed = Instant::now();
        scene.wait(from_redis).await;
        scene.cluster.note(node, Kind::Stalled, healed);
    }
    Ok(())
}
