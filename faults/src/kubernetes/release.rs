//! What a run installs: a namespace with a durable Redis, and the chart with values for the run.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::tools::ClusterTools;
use crate::cluster::RECONNECT_WITHIN;
use crate::focus::IDLE_AFTER;

/// The name of the release whose clients are under load.
pub(crate) const RELEASE: &str = "tickcast";

/// The public port of nodes and of their Service.
pub(crate) const PUBLIC_PORT: u16 = 4000;

/// The internal port of nodes.
pub(crate) const INTERNAL_PORT: u16 = 9000;

/// The machine of Redis and of the suite, which no scenario takes away.
pub(crate) const CONTROL_HOST: &str = "n1";

/// The time for a rollout: new nodes one after the other, each with its drain.
pub(crate) const ROLLOUT_TIMEOUT: Duration = Duration::from_secs(240);

/// The repository and the tags of the images on the test cluster. Both tags are the same binary.
const IMAGE: &str = "localhost/tickcast";
pub(crate) const CURRENT: &str = "current";
pub(crate) const NEXT: &str = "next";
const REDIS_IMAGE: &str = "localhost/redis:test";

/// The Secret with the key of tokens, and the name under which the chart mounts it.
pub(crate) const JWT_SECRET: &str = "jwt";

/// An installation of the chart.
pub(crate) struct Release {
    pub(crate) tools: ClusterTools,
    pub(crate) name: String,
    pub(crate) chart: PathBuf,
    pub(crate) values: Value,
}

impl Release {
    pub(crate) fn new(tools: &ClusterTools, name: &str, chart: PathBuf, values: Value) -> Self {
        Self { tools: tools.clone(), name: name.to_owned(), chart, values }
    }

    /// Installs the release, or upgrades it to its values, and waits until all nodes are ready.
    ///
    /// # Errors
    /// helm's.
    pub(crate) async fn apply(&self) -> Result<()> {
        self.apply_within(ROLLOUT_TIMEOUT).await
    }

    /// Installs or upgrades as [`Release::apply`], with a time limit.
    ///
    /// # Errors
    /// helm's.
    pub(crate) async fn apply_within(&self, within: Duration) -> Result<()> {
        let limit = format!("--timeout={}s", within.as_secs());
        self.upgrade(&["--wait", &limit]).await
    }

    /// Installs or upgrades without waiting for the nodes.
    ///
    /// # Errors
    /// helm's.
    pub(crate) async fn submit(&self) -> Result<()> {
        self.upgrade(&[]).await
    }

    async fn upgrade(&self, options: &[&str]) -> Result<()> {
        let file = NamedTempFile::with_suffix(".json")?;
        std::fs::write(file.path(), self.values.to_string())?;
        let values = format!("--values={}", file.path().display());
        let chart = self.chart.display().to_string();
        let arguments = [&["upgrade", "--install", &self.name, &chart, &values], options].concat();
        self.tools.helm(&arguments).await.map(drop)
    }

    /// Returns the label selector of the nodes.
    pub(crate) fn selector(&self) -> String {
        format!("app.kubernetes.io/instance={},app.kubernetes.io/component=node", self.name)
    }

    /// Returns the address of the public Service.
    ///
    /// # Errors
    /// There is none.
    pub(crate) async fn service(&self) -> Result<SocketAddr> {
        let services =
            self.tools.get(&["services", "--selector", &format!("app.kubernetes.io/instance={}", self.name)]).await?;
        let services = services["items"].as_array().cloned().unwrap_or_default();
        let public = services.iter().find(|service| is_public(service)).context("the chart has no public Service")?;
        service_address(public)
    }
}

/// Tells whether a Service is the public one: it has an address, the public port, and no affinity.
fn is_public(service: &Value) -> bool {
    let ports = service["spec"]["ports"].as_array().into_iter().flatten();
    let has_port = ports.into_iter().any(|port| port["port"] == PUBLIC_PORT);
    has_port && service["spec"]["clusterIP"] != "None" && service["spec"]["sessionAffinity"] == "None"
}

/// Returns the cluster address of a Service, with its first port.
///
/// # Errors
/// It has none.
pub(crate) fn service_address(service: &Value) -> Result<SocketAddr> {
    let spec = &service["spec"];
    let (address, port) = (spec["clusterIP"].as_str(), spec["ports"][0]["port"].as_u64());
    let (address, port) = address.zip(port).with_context(|| format!("a Service without an address: {service}"))?;
    Ok(SocketAddr::new(address.parse()?, u16::try_from(port)?))
}

/// Returns the values for a run. The settings of rooms and of focus sessions are those that the oracle knows; clients
/// notice a lost node by the pings.
pub(crate) fn values(redis_secret: &str, drain_grace: Duration) -> Value {
    json!({
        "image": { "repository": IMAGE, "tag": CURRENT, "pullPolicy": "Never" },
        "replicaCount": 3,
        "redis": { "existingSecret": redis_secret },
        "resources": { "requests": { "cpu": "100m", "memory": "64Mi" } },
        // The chart refuses user ids without proof, by which the clients of the suite are known.
        "extraEnv": [
            { "name": "TICKCAST__MODE", "value": "development" },
            { "name": "TICKCAST__AUTH__MODES", "value": "trusted,jwt" },
            { "name": "TICKCAST__AUTH__TEST_HEADERS", "value": "true" },
        ],
        "secretFiles": { JWT_SECRET: { "secretName": JWT_SECRET } },
        "config": {
            "auth": { "modes": ["jwt"], "jwt": { "secret_file": format!("/etc/tickcast/secrets/{JWT_SECRET}/secret") } },
            "public": { "origins": [] },
            "rooms": { "reconnect_within": RECONNECT_WITHIN.0 },
            "focus": { "idle_after": IDLE_AFTER.0 },
            "heartbeat": { "every": "5s", "within": "3s" },
            "drain": { "notice": "5s", "grace": format!("{}s", drain_grace.as_secs()) },
        },
    })
}

/// Returns a Secret.
pub(crate) fn secret(name: &str, data: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "stringData": data })
}

/// Returns the folder of the data of a run, in memory: a busy disk would delay each durable write, and what a killed process
/// has written survives there as well.
pub(crate) fn data_folder(namespace: &str) -> PathBuf {
    Path::new("/dev/shm/tickcast-faults").join(namespace)
}

/// Returns a Redis that keeps every acknowledged write in a folder of its machine, and its Service. The namespace has the
/// Secret `<name>-url` with its address.
pub(crate) fn redis(tools: &ClusterTools, name: &str, options: &[&str]) -> Vec<Value> {
    let namespace = &tools.namespace;
    let folder = data_folder(namespace).join(name);
    let labels = json!({ "app": name });
    let durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--dir", "/data"];
    let arguments = [&durable[..], &["--maxmemory-policy", "noeviction", "--protected-mode", "no"], options].concat();
    let container = json!({
        "name": "redis",
        "image": REDIS_IMAGE,
        "imagePullPolicy": "Never",
        "command": ["/usr/bin/redis-server"],
        "args": arguments,
        "securityContext": { "runAsUser": 0 },
        "readinessProbe": { "tcpSocket": { "port": 6379 }, "periodSeconds": 1 },
        "volumeMounts": [{ "name": "data", "mountPath": "/data" }],
    });
    let pod = json!({
        "metadata": { "labels": labels },
        "spec": {
            "nodeSelector": { "kubernetes.io/hostname": CONTROL_HOST },
            "terminationGracePeriodSeconds": 1,
            "containers": [container],
            "volumes": [{ "name": "data", "hostPath": { "path": folder, "type": "DirectoryOrCreate" } }],
        },
    });
    vec![
        json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": { "name": name },
            "spec": { "serviceName": name, "replicas": 1, "selector": { "matchLabels": labels }, "template": pod },
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": name },
            "spec": { "selector": labels, "ports": [{ "port": 6379 }] },
        }),
        secret(&format!("{name}-url"), &json!({ "url": format!("redis://{name}.{namespace}.svc:6379") })),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_service_has_no_affinity_and_an_address() {
        let service = |cluster_ip: &str, affinity: &str, port: u16| json!({ "spec": { "clusterIP": cluster_ip, "sessionAffinity": affinity, "ports": [{ "port": port }] } });
        assert!(is_public(&service("10.96.0.7", "None", 4000)));
        for other in
            [service("None", "None", 4000), service("10.96.0.7", "ClientIP", 4000), service("10.96.0.7", "None", 9000)]
        {
            assert!(!is_public(&other), "{other}");
        }
        assert_eq!(
            service_address(&service("10.96.0.7", "None", 4000)).unwrap(),
            SocketAddr::from(([10, 96, 0, 7], 4000))
        );
    }
}
