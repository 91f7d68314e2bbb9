//! Scenarios that change the number of nodes.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::kubernetes::release::ROLLOUT_TIMEOUT;
use crate::kubernetes::stage::Stage;

/// The most nodes of an autoscaler: more than it starts with, and as many as the clients ask for.
const NODES_MAX: usize = 5;

/// Interval at which the metric is asked for.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The path of the metrics of a namespace.
const METRIC: &str = "/apis/custom.metrics.k8s.io/v1beta1/namespaces";

/// Time within which an autoscaler acts: a scrape of the metric, its list in the adapter, and the decision.
const REACTION_TIMEOUT: Duration = Duration::from_secs(120);

/// Three nodes become six, and then two.
pub(in crate::kubernetes) async fn scale(stage: &mut Stage) -> Result<()> {
    for nodes in [6, 2] {
        let since = Instant::now();
        stage.release.values["replicaCount"] = json!(nodes);
        stage.release.apply().await?;
        stage.settled(nodes, ROLLOUT_TIMEOUT).await?;
        stage.notes.push(format!("{nodes} nodes after {:.0} s", since.elapsed().as_secs_f64()));
    }
    Ok(())
}

/// The autoscaler follows the number of connections: a low target adds nodes, and a high one removes them.
pub(in crate::kubernetes) async fn autoscale(stage: &mut Stage) -> Result<()> {
    let nodes = stage.pods.ready().len();
    let connections = reported_connections(stage).await?;
    for (target, wanted) in [(connections / (NODES_MAX as u64 + 1), NODES_MAX), (connections * 2, nodes)] {
        let since = Instant::now();
        stage.release.values["autoscaling"] = json!({
            "enabled": true,
            "minReplicas": nodes,
            "maxReplicas": NODES_MAX,
            "targetConnections": target.max(1),
            "targetCPUUtilizationPercentage": 0,
            "behavior": { "scaleUp": { "stabilizationWindowSeconds": 0 }, "scaleDown": { "stabilizationWindowSeconds": 0 } },
        });
        stage.release.submit().await?;
        stage.settled(wanted, REACTION_TIMEOUT).await.with_context(|| format!("with a target of {target}"))?;
        let after = since.elapsed().as_secs_f64();
        stage.notes.push(format!("{connections} connections, a target of {target}: {wanted} nodes after {after:.0} s"));
    }
    Ok(())
}

/// Waits until the adapter reports the connections of all nodes, and returns their sum.
async fn reported_connections(stage: &Stage) -> Result<u64> {
    let path = format!("{METRIC}/{}/pods/*/tickcast_connections", stage.tools.namespace);
    let end = Instant::now() + REACTION_TIMEOUT;
    loop {
        let answer = stage.tools.kubectl(&["get", "--raw", &path]).await;
        let metric: Value = match &answer {
            Ok(text) => serde_json::from_str(text)?,
            Err(_) => Value::Null,
        };
        let values = metric["items"].as_array().into_iter().flatten().filter_map(value);
        let values: Vec<u64> = values.collect();
        if values.len() >= stage.pods.ready().len() && values.iter().all(|value| *value > 0) {
            return Ok(values.into_iter().sum());
        }
        ensure!(Instant::now() < end, "the cluster serves no metric tickcast_connections of pods: {answer:?}");
        stage.wait(POLL_INTERVAL).await;
    }
}

/// Reads the metric of a pod.
fn value(item: &Value) -> Option<u64> {
    item["value"].as_str()?.parse().ok()
}
