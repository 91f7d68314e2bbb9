//! Clocks that are put wrong, and right again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use super::Scene;
use crate::clocks::Clocks;

/// Moves the first node's clock by so many seconds while it runs, and back.
pub(super) async fn move_node(scene: &mut Scene<'_>, seconds: i64) -> Result<()> {
    scene.clocks.move_node(seconds)?;
    scene.wait(Duration::from_secs(if scene.short { 1 } else { 5 })).await;
    // A node that logs says what time it has.
    let node = &scene.cluster.nodes[0];
    node.connect("userId=one&token=another's").await.closed().await;
    let (log, hour) = (node.log(), Clocks::hour(seconds)?);
    ensure!(log.contains(&hour), "node 0 has logged nothing at {hour}\n{log}");
    scene.clocks.move_node(0)?;
    scene.wait(Duration::from_secs(1)).await;
    Ok(())
}

/// Moves the clock of Redis by so many milliseconds while it runs, and back.
pub(super) async fn move_server(scene: &mut Scene<'_>, millis: i64) -> Result<()> {
    for offset in [millis, 0] {
        scene.clocks.move_server(offset);
        let seconds: u64 = {
            let replies = scene.cluster.primary.replies(&[vec!["TIME"]])?;
            replies[0].texts().first().context("no time")?.parse()?
        };
        let own = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
        let ahead = (seconds as i64) * 1000 + 500 - own;
        ensure!((ahead - offset).abs() < 1500, "Redis is {ahead} ms ahead instead of {offset}");
        scene.wait(Duration::from_millis(if scene.short { 1500 } else { 4000 })).await;
    }
    Ok(())
}
