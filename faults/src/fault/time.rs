//! Faults of clocks: offset, then corrected.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use super::FaultContext;
use crate::clocks::Clocks;

/// Offsets the first node's clock by some seconds while it runs, and corrects it.
pub(super) async fn move_node(context: &mut FaultContext<'_>, seconds: i64) -> Result<()> {
    context.clocks.move_node(seconds)?;
    context.wait(Duration::from_secs(if context.short { 1 } else { 5 })).await;
    // A log line shows the time of the node.
    let node = &context.cluster.nodes[0];
    node.connect("userId=one&token=another's").await.closed().await;
    let (log, hour) = (node.log(), Clocks::hour(seconds)?);
    ensure!(log.contains(&hour), "node 0 has logged nothing at {hour}\n{log}");
    context.clocks.move_node(0)?;
    context.wait(Duration::from_secs(1)).await;
    Ok(())
}

/// Offsets the clock of Redis by some milliseconds while it runs, and corrects it.
pub(super) async fn move_server(context: &mut FaultContext<'_>, millis: i64) -> Result<()> {
    for offset in [millis, 0] {
        context.clocks.move_server(offset);
        let seconds: u64 = {
            let replies = context.cluster.primary.replies(&[vec!["TIME"]])?;
            replies[0].texts().first().context("no time")?.parse()?
        };
        let own = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
        let ahead = (seconds as i64) * 1000 + 500 - own;
        ensure!((ahead - offset).abs() < 1500, "Redis is {ahead} ms ahead instead of {offset}");
        context.wait(Duration::from_millis(if context.short { 1500 } else { 4000 })).await;
    }
    Ok(())
}
