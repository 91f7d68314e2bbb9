//! The HorizontalPodAutoscaler follows the number of connections, by the adapter's metric.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::test_namespace::{Environment, TestNamespace};
use super::token;

/// Connections that are opened: three times the target of one node.
const CONNECTIONS: usize = 30;

/// Limit for each reaction: a scrape, a list of metrics and a decision take 5 to 10 s each, a pod some seconds.
const REACTION_TIMEOUT: Duration = Duration::from_secs(120);

/// Opens WebSockets, which the nodes close 22 to 35 s later, since curl answers no ping.
const OPEN: &str = "while [ $((count = count + 1)) -le $1 ]; do \
    curl --silent --no-buffer --max-time 60 --header 'connection: upgrade' --header 'upgrade: websocket' \
    --header 'sec-websocket-version: 13' --header 'sec-websocket-key: dGVzdCBjbHVzdGVyIGtleQ==' \
    \"http://tickcast:4000/session?token=$2\" >/dev/null 2>&1 & done";

pub(super) fn run(environment: &Environment<'_>) -> Result<()> {
    environment.in_namespace("autoscaling", |namespace| {
        namespace.start_client()?;
        namespace.install(&["trial-redis", "autoscaling"], &[])?;
        wait_for("the autoscaler reads the metric", namespace, |status| {
            let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
            let active = |condition: &Value| condition["type"] == "ScalingActive" && condition["status"] == "True";
            conditions.iter().any(active)
        })?;
        namespace.kubectl(&[
            "exec",
            "client",
            "--",
            "sh",
            "-c",
            OPEN,
            "sh",
            &CONNECTIONS.to_string(),
            &token(namespace)?,
        ])?;
        wait_for("connections add nodes", namespace, |status| status["desiredReplicas"].as_u64() > Some(2))?;
        namespace.wait_for_rollout("deployment/tickcast")?;
        wait_for("nodes without connections are removed", namespace, |status| status["currentReplicas"] == 2)
    })
}

fn wait_for(what: &str, namespace: &TestNamespace<'_>, condition: impl Fn(&Value) -> bool) -> Result<()> {
    namespace.environment.interrupt.wait_until(what, REACTION_TIMEOUT, || {
        let autoscaler = namespace.get(&["horizontalpodautoscaler", "tickcast"]).context("no autoscaler")?;
        Ok(condition(&autoscaler["status"]))
    })
}
