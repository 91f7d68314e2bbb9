//! Scenarios that replace the pods of a release, or try to.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::time::Instant;

use crate::kubernetes::pods::Pod;
use crate::kubernetes::release::{CURRENT, NEXT, ROLLOUT_TIMEOUT};
use crate::kubernetes::stage::Stage;

/// Time that helm waits for nodes that cannot start: they are seen to fail more than once.
const BROKEN_ROLLOUT: Duration = Duration::from_secs(20);

/// `helm upgrade` to another image.
pub(in crate::kubernetes) async fn rolling_upgrade(stage: &mut Stage) -> Result<()> {
    stage.release.values["image"]["tag"] = json!(NEXT);
    upgrade(stage).await?;
    runs_image(stage, NEXT)
}

/// `helm rollback` to the revision before. The clients connect to the newer one.
pub(in crate::kubernetes) async fn rollback(stage: &mut Stage) -> Result<()> {
    rolling_upgrade(stage).await?;
    let since = Instant::now();
    stage.pods.take_least_ready();
    let limit = format!("--timeout={}s", ROLLOUT_TIMEOUT.as_secs());
    stage.tools.helm(&["rollback", &stage.release.name, "1", "--wait", &limit]).await?;
    settle_rollout(stage, since, "rollback").await?;
    runs_image(stage, CURRENT)
}

/// `helm upgrade` with another configuration, which the new pods have.
pub(in crate::kubernetes) async fn config_change(stage: &mut Stage) -> Result<()> {
    let before = stage.pods.ready();
    stage.release.values["config"]["log"] = json!({ "format": "text" });
    upgrade(stage).await?;
    for pod in stage.pods.ready() {
        ensure!(before.iter().all(|old| old.uid != pod.uid), "{} was not replaced", pod.name);
        let log = stage.tools.kubectl(&["logs", &pod.name, "--tail=1"]).await?;
        let is_json = serde_json::from_str::<serde_json::Value>(log.trim()).is_ok();
        stage.expect(!is_json, || format!("{} does not have the new configuration: {log}", pod.name));
    }
    Ok(())
}

/// `helm upgrade` with a configuration that no node accepts: the nodes that run stay, and helm reports the failure.
pub(in crate::kubernetes) async fn broken_config(stage: &mut Stage) -> Result<()> {
    let before = stage.pods.ready();
    stage.pods.take_least_ready();
    let right = std::mem::replace(&mut stage.release.values["config"]["rooms"]["reconnect_within"], json!("soon"));
    let upgraded = stage.release.apply_within(BROKEN_ROLLOUT).await;
    stage.expect(upgraded.is_err(), || "helm reports a rollout of nodes that cannot start as a success".to_owned());
    let pods = stage.pods.pods();
    let failed = pods.iter().find(|pod| before.iter().all(|old| old.uid != pod.uid));
    let failed = failed.context("the faulty configuration reached no pod")?;
    let log = log_of_init_containers(stage, &failed.name).await?;
    stage.expect(log.contains("rooms.reconnect_within"), || format!("the log does not name the faulty key: {log}"));
    stage.notes.push(format!("a new pod says: {}", log.trim().replace('\n', " ")));
    let stayed = |old: &Pod| stage.pods.ready().iter().any(|pod| pod.uid == old.uid && pod.restarts == old.restarts);
    let gone: Vec<String> = before.iter().filter(|old| !stayed(old)).map(|old| old.name.clone()).collect();
    let least = stage.pods.take_least_ready();
    stage.expect(gone.is_empty(), || format!("a faulty configuration took these nodes down: {gone:?}"));
    stage.expect(least == before.len(), || format!("only {least} nodes served clients meanwhile"));
    stage.release.values["config"]["rooms"]["reconnect_within"] = right;
    stage.release.apply().await.context("the right configuration again")?;
    stage.settled(before.len(), ROLLOUT_TIMEOUT).await?;
    let stayed = before.iter().all(|old| stage.pods.ready().iter().any(|pod| pod.uid == old.uid));
    stage.expect(stayed, || "the right configuration again replaces the nodes".to_owned());
    Ok(())
}

/// Upgrades the release to its values, and waits until the old nodes have ended.
async fn upgrade(stage: &mut Stage) -> Result<()> {
    let since = Instant::now();
    stage.pods.take_least_ready();
    stage.release.apply().await?;
    settle_rollout(stage, since, "upgrade").await
}

async fn settle_rollout(stage: &mut Stage, since: Instant, what: &str) -> Result<()> {
    let nodes = stage.release.values["replicaCount"].as_u64().unwrap_or_default() as usize;
    let new_after = since.elapsed();
    stage.settled(nodes, ROLLOUT_TIMEOUT).await?;
    let least = stage.pods.take_least_ready();
    stage.expect(least >= nodes, || format!("{what}: only {least} of {nodes} nodes were ready"));
    stage.notes.push(format!(
        "{what}: new nodes ready after {:.0} s, old ones gone after {:.0} s",
        new_after.as_secs_f64(),
        since.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// Returns the logs of the containers that run before the node.
async fn log_of_init_containers(stage: &Stage, pod: &str) -> Result<String> {
    let object = stage.tools.get(&["pod", pod]).await?;
    let containers = object["spec"]["initContainers"].as_array().into_iter().flatten();
    let mut log = String::new();
    for container in containers.filter_map(|container| container["name"].as_str()) {
        log += &stage.tools.kubectl(&["logs", pod, "--container", container, "--tail=5"]).await?;
    }
    Ok(log)
}

fn runs_image(stage: &Stage, tag: &str) -> Result<()> {
    let other = stage.pods.ready().into_iter().find(|pod| !pod.image.ends_with(&format!(":{tag}")));
    ensure!(other.is_none(), "a node does not have the image {tag}: {other:?}");
    Ok(())
}
