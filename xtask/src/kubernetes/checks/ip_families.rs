//! Nodes serve IPv4 and IPv6, and reach a Redis that has only IPv6.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::super::test_namespace::{Environment, RELEASE, TestNamespace};

pub(super) fn dual_stack(environment: &Environment<'_>) -> Result<()> {
    environment.in_namespace("dual-stack", |namespace| check(namespace, "dual-stack", 2))
}

/// Services have only IPv6 addresses; pods have both, as the cluster gives them.
pub(super) fn ipv6(environment: &Environment<'_>) -> Result<()> {
    environment.in_namespace("ipv6", |namespace| check(namespace, "ipv6", 1))
}

fn check(namespace: &TestNamespace<'_>, values: &str, service_addresses: usize) -> Result<()> {
    namespace.start_client()?;
    namespace.install(&["trial-redis", values], &[])?;
    for pod in namespace.nodes()? {
        let addresses = texts(&pod["status"]["podIPs"], "ip");
        ensure!(addresses.len() == 2, "the cluster gives pods {addresses:?}");
        for address in addresses {
            require_answer(namespace, &address, "4000/api/health")?;
            require_answer(namespace, &address, "9000/readyz")?;
        }
    }
    let service = namespace.get(&["service", RELEASE])?;
    let addresses: Vec<&str> =
        service["spec"]["clusterIPs"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    ensure!(addresses.len() == service_addresses, "the Service has {addresses:?}");
    ensure!(addresses.iter().any(|address| address.contains(':')), "no IPv6 in {addresses:?}");
    for address in addresses {
        require_answer(namespace, address, "4000/api/health")?;
    }
    namespace.helm(&["test", RELEASE]).map(drop)
}

fn require_answer(namespace: &TestNamespace<'_>, address: &str, rest: &str) -> Result<()> {
    let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    let url = format!("http://{host}:{rest}");
    namespace.request(&["--globoff", &url])?.require(200).map(drop).context(url)
}

fn texts(list: &Value, field: &str) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten().filter_map(|entry| entry[field].as_str());
    texts.map(str::to_owned).collect()
}
