//! Stores that a release must not use: a replica, a Redis that evicts, and the Redis of another release.

use std::time::Duration;

use anyhow::{Context, Result};
use harness::http;
use serde_json::{Value, json};
use tokio::time::{Instant, interval};

use crate::kubernetes::pods::{Pod, PodWatch};
use crate::kubernetes::release::{Release, redis};
use crate::kubernetes::stage::{Stage, node_address};

/// Time within which a node starts and knows its store.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Interval at which a node is asked.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Nodes on a replica, and on a Redis that evicts, do not become ready and say why.
pub(in crate::kubernetes) async fn unfit(stage: &mut Stage) -> Result<()> {
    for (name, options, sentence) in [
        ("replica", &["--replicaof", "redis", "6379"][..], "replica"),
        ("evicting", &["--maxmemory-policy", "allkeys-lru"], "maxmemory-policy"),
    ] {
        stage.tools.apply(&redis(&stage.tools, name, options)).await?;
        stage.tools.kubectl(&["rollout", "status", &format!("statefulset/{name}"), "--timeout=60s"]).await?;
        let mut values = stage.release.values.clone();
        values["redis"] = json!({ "existingSecret": format!("{name}-url") });
        let why = refusal(stage, &format!("on-{name}"), values).await?;
        stage.expect(why.contains(sentence), || format!("a node on a Redis of the kind {name} says: {why}"));
        stage.notes.push(format!("{name}: {why}"));
    }
    Ok(())
}

/// A second release that is given the Redis and the prefix of the first does not become ready and says why. The first is not
/// affected.
pub(in crate::kubernetes) async fn shared(stage: &mut Stage) -> Result<()> {
    let nodes = stage.pods.ready().len();
    stage.pods.take_least_ready();
    let values = stage.release.values.clone();
    let why = refusal(stage, "twin", values).await?;
    let (own, other) =
        (format!("{}.twin-tickcast", stage.tools.namespace), format!("{}.tickcast", stage.tools.namespace));
    let names_both = why.contains(&own) && why.contains(&other);
    stage.expect(names_both, || format!("the second release does not name {own} and {other}: {why}"));
    let least = stage.pods.take_least_ready();
    stage.expect(least == nodes, || format!("the second release left {least} of {nodes} nodes of the first ready"));
    stage.notes.push(format!("the second release says: {why}"));
    Ok(())
}

/// Installs a release with one node, and returns why the node is not ready. The release is removed again.
async fn refusal(stage: &Stage, name: &str, mut values: Value) -> Result<String> {
    values["replicaCount"] = json!(1);
    let release = Release::new(&stage.tools, name, stage.release.chart.clone(), values);
    release.submit().await?;
    let pods = PodWatch::start(&stage.tools, &release.selector(), stage.started_at)?;
    let has_address = |pods: &[Pod]| pods.iter().any(|pod| pod.address.is_some());
    let pod = pods.wait_for("the node has an address", START_TIMEOUT, has_address).await?.swap_remove(0);
    let node = node_address(pod.address.context("a node without an address")?).internal;
    let end = Instant::now() + START_TIMEOUT;
    let mut poll = interval(POLL_INTERVAL);
    let mut last = "nothing".to_owned();
    while Instant::now() < end {
        poll.tick().await;
        let Ok(response) = http::request(node, "GET", "/readyz", &[], b"").await else { continue };
        let why =
            serde_json::from_str::<Value>(&response.body).ok().and_then(|body| Some(body["why"].as_str()?.to_owned()));
        last = why.unwrap_or(response.body);
        if response.status == 503 && !is_early(&last) {
            break;
        }
    }
    release.tools.helm(&["uninstall", name]).await?;
    Ok(last)
}

/// Tells whether a node does not know its store yet.
fn is_early(why: &str) -> bool {
    why.contains("has not replied yet")
}
