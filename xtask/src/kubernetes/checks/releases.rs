//! Releases of the chart: installed, tested, upgraded and removed.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::super::test_namespace::{Environment, RELEASE, TestNamespace};
use super::Timer;

/// Limit for the end of all pods, above their grace period of 60 s.
const END_TIMEOUT: Duration = Duration::from_secs(90);

/// Address of the public Service of a release.
const SERVICE: &str = "tickcast:4000";

/// Redis is provided by others, and its address is in a Secret.
pub(super) fn redis_by_secret(environment: &Environment<'_>) -> Result<()> {
    environment.in_namespace("redis-by-secret", |namespace| {
        namespace.start_redis()?;
        check_life(namespace, &["redis-secret"])
    })
}

/// The release brings a Redis of its own.
pub(super) fn trial_redis(environment: &Environment<'_>) -> Result<()> {
    environment.in_namespace("trial-redis", |namespace| check_life(namespace, &["trial-redis"]))
}

fn check_life(namespace: &TestNamespace<'_>, values: &[&str]) -> Result<()> {
    namespace.start_client()?;
    namespace.install(values, &[])?;
    check_images(namespace, "localhost/tickcast:current")?;
    namespace.helm(&["test", RELEASE, "--logs"])?;
    let timer = Timer::start(namespace, SERVICE)?;
    namespace.install(values, &["image.tag=next"])?;
    check_images(namespace, "localhost/tickcast:next")?;
    let status = timer.status(namespace, SERVICE)?;
    ensure!(status == "active", "the upgrade made the timer {status}");
    namespace.helm(&["test", RELEASE, "--logs"])?;
    namespace.helm(&["rollback", RELEASE, "--wait", "--timeout=180s"])?;
    check_images(namespace, "localhost/tickcast:current")?;
    namespace.helm(&["uninstall", RELEASE, "--wait", "--timeout=120s"])?;
    wait_until_nothing_is_left(namespace)
}

fn check_images(namespace: &TestNamespace<'_>, expected: &str) -> Result<()> {
    let pods = namespace.nodes()?;
    ensure!(pods.len() == 3, "{} nodes instead of 3", pods.len());
    for pod in pods {
        let image = &pod["spec"]["containers"][0]["image"];
        ensure!(image == expected, "{} has the image {image} instead of {expected}", pod["metadata"]["name"]);
    }
    Ok(())
}

/// Waits until no object of the release remains; what others made in the namespace has other labels.
fn wait_until_nothing_is_left(namespace: &TestNamespace<'_>) -> Result<()> {
    let kinds = namespace.kubectl(&["api-resources", "--namespaced=true", "--verbs=list,delete", "--output=name"])?;
    let kinds = kinds.lines().collect::<Vec<_>>().join(",");
    let selector = format!("app.kubernetes.io/instance={RELEASE}");
    namespace.environment.interrupt.wait_until("`helm uninstall` removes everything", END_TIMEOUT, || {
        let left = namespace.kubectl(&["get", &kinds, "--selector", &selector, "--output=name"])?;
        // Helm keeps its own record of a release in a Secret.
        let records = namespace.kubectl(&["get", "secrets", "--selector", "owner=helm", "--output=name"])?;
        ensure!(left.is_empty() && records.is_empty(), "there is still:\n{left}{records}");
        Ok(true)
    })
}
