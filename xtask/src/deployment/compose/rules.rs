//! The rules of the composition that no schema knows.

use super::composition::{Composition, Service};

/// The public port of a node.
const PUBLIC_PORT: u16 = 4000;

/// Ports are published to this machine only: neither the nodes of the composition nor its tools ask for credentials.
const PUBLISHED: &str = "127.0.0.1:";

/// Returns what breaks a rule.
pub(super) fn faults(composition: &Composition) -> Vec<String> {
    let mut faults = Vec::new();
    for service in composition.services() {
        let known = |name: &str| composition.service(name).is_ok();
        let broken = privileges(&service).into_iter().chain(publication(&service)).chain(dependencies(&service, known));
        faults.extend(broken.map(|fault| format!("{}: {fault}", service.name)));
    }
    faults.extend(addresses(composition));
    faults
}

fn privileges(service: &Service<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut require = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned());
        }
    };
    require(service.value["read_only"] == true, "read_only must be true");
    require(service.names("cap_drop") == ["ALL"], "cap_drop must be [ALL]");
    let is_confined = service.names("security_opt").iter().any(|option| option == "no-new-privileges:true");
    require(is_confined, "security_opt must contain no-new-privileges:true");
    let image = service.value["image"].as_str().unwrap_or_default();
    let tag = image.rsplit('/').next().and_then(|name| name.split_once(':')).map(|(_, tag)| tag);
    require(tag.is_some_and(|tag| !tag.is_empty() && tag != "latest"), "image must have the tag of a version");
    faults
}

fn publication(service: &Service<'_>) -> Option<String> {
    let port = service.names("ports").into_iter().find(|port| !port.starts_with(PUBLISHED))?;
    Some(format!("port {port} must be published on 127.0.0.1"))
}

fn dependencies(service: &Service<'_>, known: impl Fn(&str) -> bool) -> Option<String> {
    let name = service.names("depends_on").into_iter().find(|name| !known(name))?;
    Some(format!("depends on `{name}`, which is no service"))
}

/// The load balancer knows each node by its address, and each node trusts the load balancer by its own.
fn addresses(composition: &Composition) -> Vec<String> {
    let Ok(haproxy) = composition.service("haproxy") else { return vec!["there is no service `haproxy`".to_owned()] };
    let address = |service: &Service<'_>| {
        let address = service.value["networks"]["cluster"]["ipv4_address"].as_str();
        address.unwrap_or("no address").to_owned()
    };
    let mut faults = Vec::new();
    for (nth, node) in (1..).zip(composition.nodes()) {
        let (name, expected) = (format!("NODE_{nth}"), format!("{}:{PUBLIC_PORT}", address(&node)));
        if haproxy.variable(&name) != Some(&expected) {
            faults.push(format!("haproxy: {name} must be {expected}, the address of {}", node.name));
        }
        let trusted = address(&haproxy);
        if node.variable("TICKCAST__PUBLIC__PROXY__NETWORKS") != Some(&trusted) {
            faults.push(format!("{}: TICKCAST__PUBLIC__PROXY__NETWORKS must be {trusted}", node.name));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_composition_that_keeps_the_rules_has_no_faults() {
        assert!(faults(&Composition::new(composition())).is_empty());
    }

    #[test]
    fn each_broken_rule_is_reported() {
        for (place, value, fault) in [
            ("/services/node-1/read_only", json!(false), "node-1: read_only must be true"),
            ("/services/node-1/cap_drop", json!([]), "node-1: cap_drop must be [ALL]"),
            ("/services/haproxy/security_opt", json!([]), "haproxy: security_opt must contain no-new-privileges:true"),
            ("/services/haproxy/image", json!("a:1/haproxy"), "haproxy: image must have the tag of a version"),
            ("/services/haproxy/image", json!("haproxy:latest"), "haproxy: image must have the tag of a version"),
            ("/services/haproxy/ports/0", json!("80:80"), "haproxy: port 80:80 must be published on 127.0.0.1"),
            ("/services/haproxy/depends_on", json!(["node-2"]), "haproxy: depends on `node-2`, which is no service"),
            (
                "/services/haproxy/environment/NODE_1",
                json!("10.0.0.12:4000"),
                "haproxy: NODE_1 must be 10.0.0.11:4000, the address of node-1",
            ),
            (
                "/services/haproxy/networks/cluster/ipv4_address",
                json!("10.0.0.9"),
                "node-1: TICKCAST__PUBLIC__PROXY__NETWORKS must be 10.0.0.9",
            ),
        ] {
            let mut broken = composition();
            *broken.pointer_mut(place).unwrap() = value;
            assert_eq!(faults(&Composition::new(broken)), [fault]);
        }
    }

    fn composition() -> Value {
        let service = |image: &str, address: &str, environment: Value| {
            json!({
                "image": image, "read_only": true, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"],
                "environment": environment, "networks": { "cluster": { "ipv4_address": address } },
            })
        };
        let trusted = json!({ "TICKCAST__PUBLIC__PROXY__NETWORKS": "10.0.0.10" });
        let node = service("tickcast:${VERSION:-1}", "10.0.0.11", trusted);
        let mut haproxy = service("a:1/haproxy:2.6", "10.0.0.10", json!({ "NODE_1": "10.0.0.11:4000" }));
        haproxy["ports"] = json!(["127.0.0.1:8080:8080"]);
        haproxy["depends_on"] = json!(["node-1"]);
        json!({ "services": { "node-1": node, "haproxy": haproxy } })
    }
}
