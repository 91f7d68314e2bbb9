//! Checks of the chart and of the overlays on the real control plane, each in a namespace of its own.

mod autoscaling;
mod dry_run;
mod ip_families;
mod network_policy;
mod overlays;
mod releases;

use anyhow::{Context, Result};
use serde_json::Value;

use super::test_namespace::{Environment, TestNamespace};
use crate::steps::Steps;

/// A check, with the name by which `--only` selects it.
type Check = (&'static str, fn(&Environment<'_>) -> Result<()>);

const CHECKS: [Check; 9] = [
    ("dry-run", dry_run::run),
    ("redis-by-secret", releases::redis_by_secret),
    ("trial-redis", releases::trial_redis),
    ("overlay-small", overlays::small),
    ("overlay-production", overlays::production),
    ("network-policy", network_policy::run),
    ("autoscaling", autoscaling::run),
    ("dual-stack", ip_families::dual_stack),
    ("ipv6", ip_families::ipv6),
];

/// Tells whether there is a check with this name.
pub(super) fn exists(name: &str) -> bool {
    CHECKS.iter().any(|(known, _)| *known == name)
}

/// Runs the selected checks, or all if the selection is empty.
pub(super) fn run(environment: &Environment<'_>, steps: &mut Steps, only: &[String]) -> Result<()> {
    for (name, check) in CHECKS {
        if only.is_empty() || only.iter().any(|selected| selected == name) {
            environment.interrupt.check()?;
            steps.run(&format!("check {name}"), || check(environment))?;
        }
    }
    Ok(())
}

/// A focus session: a timer that a request can start and read.
struct Timer {
    id: String,
}

impl Timer {
    fn start(namespace: &TestNamespace<'_>, service: &str) -> Result<Self> {
        let url = format!("http://{service}/api/sessions");
        let request = ["--header", &authorization(namespace)?, "--data", r#"{"targetMinutes": 25}"#, &url];
        let body = namespace.request(&request)?.require(201).context("a timer cannot be started")?;
        let answer: Value = serde_json::from_str(&body)?;
        let id = answer["session"]["id"].as_str().with_context(|| format!("no id in {body}"))?;
        Ok(Self { id: id.to_owned() })
    }

    /// Returns the status of the timer, such as `active`.
    fn status(&self, namespace: &TestNamespace<'_>, service: &str) -> Result<String> {
        let url = format!("http://{service}/api/sessions/{}", self.id);
        let body = namespace.request(&["--header", &authorization(namespace)?, &url])?.require(200)?;
        let answer: Value = serde_json::from_str(&body)?;
        Ok(answer["session"]["status"].as_str().with_context(|| format!("no status in {body}"))?.to_owned())
    }
}

/// Returns the header of the user whose token is in `manifests/credentials.yaml`.
fn authorization(namespace: &TestNamespace<'_>) -> Result<String> {
    Ok(format!("authorization: Bearer {}", token(namespace)?))
}

fn token(namespace: &TestNamespace<'_>) -> Result<String> {
    namespace.kubectl(&["get", "secret", "tickcast-jwt", "--output=go-template={{.data.token | base64decode}}"])
}
