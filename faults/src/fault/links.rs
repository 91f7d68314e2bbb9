//! Faults of the links between nodes and Redis: cuts and delays.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Result, ensure};
use harness::{PacketLoss, Pipe};
use tokio::time::Instant;

use super::FaultContext;
use crate::cluster::{DisturbanceKind, NODES};

/// Cuts the links of one or two nodes; data is dropped or held. The first cut is too short to be detected, the last
/// one long enough.
pub(super) async fn cut(context: &mut FaultContext<'_>, to_redis: bool, from_redis: bool) -> Result<()> {
    let spans: &[(u64, u64)] =
        if context.short { &[(300, 800), (3200, 3500)] } else { &[(300, 1000), (1500, 2500), (3500, 5000)] };
    let mut cuts = [Pipe::Dropped, Pipe::Held, Pipe::Dropped];
    context.random.shuffle(&mut cuts);
    for (&(from_ms, until_ms), &cut) in spans.iter().zip(&cuts) {
        let first = context.random.usize(0..NODES);
        let count = context.random.usize(1..=2);
        let cut_nodes: Vec<usize> = (0..count).map(|nth| (first + nth) % NODES).collect();
        let since = Instant::now();
        let pipe = |is_cut| if is_cut { cut } else { Pipe::FREE };
        for &node in &cut_nodes {
            context.cluster.links[node].set(pipe(to_redis), pipe(from_redis));
        }
        let span = context.span(from_ms, until_ms);
        context.wait(span).await;
        for node in cut_nodes {
            context.cluster.links[node].heal();
            context.cluster.note(node, DisturbanceKind::Disconnected, since);
        }
        let span = context.span(300, 800);
        context.wait(span).await;
    }
    let lost: u64 = context.cluster.links.iter().map(harness::Proxy::lost_bytes).sum();
    let must_lose = cuts[..spans.len()].contains(&Pipe::Dropped);
    ensure!(!must_lose || lost > 0, "no data was dropped");
    Ok(())
}

/// Loses the packets between a node and its link, in both directions or one. The last loss is longer than the kernel
/// waits before it sends data again for the sixth time.
pub(super) async fn lose_packets(context: &mut FaultContext<'_>) -> Result<()> {
    let spans: &[(u64, u64)] = if context.short { &[(3000, 3500)] } else { &[(3000, 3500), (15_000, 15_500)] };
    for &(from_ms, until_ms) in spans {
        let node = context.random.usize(0..NODES);
        let (to_redis, from_redis) = [(true, true), (true, false), (false, true)][context.random.usize(0..3)];
        let since = Instant::now();
        let loss = PacketLoss::start(Ipv4Addr::LOCALHOST, context.cluster.links[node].port(), to_redis, from_redis);
        let span = context.span(from_ms, until_ms);
        context.wait(span).await;
        let lost = loss.packets();
        drop(loss);
        context.cluster.note(node, DisturbanceKind::Disconnected, since);
        ensure!(lost > 0, "no packet was lost");
        let span = context.span(300, 800);
        context.wait(span).await;
    }
    Ok(())
}

/// Delays one node's link, separately in each direction: by less than the 450 ms after which a node shows a second
/// without its beat.
pub(super) async fn delay(context: &mut FaultContext<'_>) -> Result<()> {
    for _ in 0..if context.short { 1 } else { 3 } {
        let node = context.random.usize(0..NODES);
        let (to_redis, from_redis) = (context.span(10, 200), context.span(50, 400));
        context.cluster.links[node].set(Pipe::Open(to_redis), Pipe::Open(from_redis));
        context.wait(Duration::from_secs(if context.short { 2 } else { 4 })).await;
        context.cluster.links[node].heal();
        // New data on another connection overtakes data that is still in flight.
        let healed = Instant::now();
        context.wait(from_redis).await;
        context.cluster.note(node, DisturbanceKind::Stalled, healed);
    }
    Ok(())
}
