//! The chart's NetworkPolicy: what reaches a node, and what a node reaches.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::super::test_namespace::{BLOCKED, Environment, RELEASE, TestNamespace};

/// The namespace that may scrape nodes by default, which has Prometheus.
const MONITORING: &str = "monitoring";

/// Address that a node has no reason to connect to.
const FOREIGN: &str = "http://prometheus.monitoring:9090/-/ready";

/// Limit until a change of policies is in force on all machines; kube-router takes about a second.
const POLICY_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn run(environment: &Environment<'_>) -> Result<()> {
    environment.in_namespace("network-policy", |namespace| {
        namespace.start_client()?;
        namespace.install(&["trial-redis"], &[])?;
        // Without the policy everything is reached: the absence of a route would look like a policy.
        let internal = internal_address(namespace)?;
        namespace.request(&[&internal])?.require(200)?;
        let redis = redis_address(namespace)?;
        ensure!(namespace.request(&[&redis])?.require_blocked().is_err(), "{redis} is not reached without a policy");
        require_probe(namespace, "open", FOREIGN, &[0])?;

        namespace.install(&["trial-redis", "network-policy"], &[])?;
        environment.interrupt.wait_until("the policy closes the internal port", POLICY_TIMEOUT, || {
            namespace.request(&[&internal])?.require_blocked().map(|()| true)
        })?;
        namespace.request(&["http://tickcast:4000/api/health"])?.require(200)?;
        check_monitoring(namespace, &internal)?;
        require_probe(namespace, "closed", FOREIGN, &BLOCKED)?;
        // A node that reaches neither DNS nor Redis would not serve timers.
        namespace.helm(&["test", RELEASE])?;
        namespace.request(&[&redis])?.require_blocked().context("another pod reaches the trial Redis")
    })
}

/// Prometheus scrapes the nodes in spite of the policy.
fn check_monitoring(namespace: &TestNamespace<'_>, internal: &str) -> Result<()> {
    let interrupt = namespace.environment.interrupt;
    let query = format!("query=up{{namespace=\"{}\"}}", namespace.name);
    interrupt.wait_until("Prometheus scrapes all nodes", POLICY_TIMEOUT, || {
        let arguments = ["--get", "--data-urlencode", &query, "http://prometheus.monitoring:9090/api/v1/query"];
        let answer: Value = serde_json::from_str(&namespace.request(&arguments)?.require(200)?)?;
        let series = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        let up = series.iter().filter(|series| series["value"][1] == "1").count();
        ensure!(up == 3, "{up} of 3 in {MONITORING} reach {internal}: {answer}");
        Ok(true)
    })
}

/// Returns an address at which Redis ends the connection, because HTTP is not its protocol.
fn redis_address(namespace: &TestNamespace<'_>) -> Result<String> {
    let services = namespace.list(&["services", "--selector", "app.kubernetes.io/component=redis"])?;
    let address = services.first().and_then(|service| service["spec"]["clusterIP"].as_str());
    Ok(format!("http://{}:6379/", address.context("the trial Redis has no Service")?))
}

fn internal_address(namespace: &TestNamespace<'_>) -> Result<String> {
    let pods = namespace.nodes()?;
    let address = pods.first().and_then(|pod| pod["status"]["podIP"].as_str());
    Ok(format!("http://{}:9000/livez", address.context("no node has an address")?))
}

/// Makes a request from the network of a node, and compares curl's exit code.
fn require_probe(namespace: &TestNamespace<'_>, name: &str, url: &str, expected: &[u8]) -> Result<()> {
    let pods = namespace.nodes()?;
    let pod = pods.first().and_then(|pod| pod["metadata"]["name"].as_str()).context("there is no node")?;
    let container = format!("--container={name}");
    namespace.kubectl(&[
        "debug",
        pod,
        &container,
        "--image=localhost/tools:test",
        "--image-pull-policy=Never",
        "--profile=restricted",
        "--quiet",
        "--",
        "curl",
        "--silent",
        "--max-time",
        "4",
        url,
    ])?;
    let mut code = None;
    namespace.environment.interrupt.wait_until("the request from a node has ended", POLICY_TIMEOUT, || {
        let pod = namespace.get(&["pod", pod])?;
        let statuses = pod["status"]["ephemeralContainerStatuses"].as_array().cloned().unwrap_or_default();
        let status = statuses.into_iter().find(|status| status["name"] == name);
        code = status.and_then(|status| status["state"]["terminated"]["exitCode"].as_u64());
        Ok(code.is_some())
    })?;
    let is_expected = code.is_some_and(|code| expected.iter().any(|expected| u64::from(*expected) == code));
    ensure!(is_expected, "a node's request to {url} ends with {code:?} instead of {expected:?}");
    Ok(())
}
