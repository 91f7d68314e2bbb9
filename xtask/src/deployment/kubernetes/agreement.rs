//! Whether an overlay and the chart describe the same objects.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use super::objects::Object;

/// What only the chart writes: labels and annotations about the release, and the namespace. Each is a parent and a key.
const RELEASE_METADATA: [(&str, &str); 6] = [
    ("/metadata", "namespace"),
    ("/metadata/labels", "app.kubernetes.io/version"),
    ("/metadata/labels", "app.kubernetes.io/managed-by"),
    ("/metadata/labels", "helm.sh/chart"),
    ("/metadata/annotations", "helm.sh/resource-policy"),
    ("/spec/template/metadata/annotations", "checksum/config"),
];

/// Objects that the overlay of monitoring leaves to another overlay.
const OF_NODES: [&str; 6] =
    ["ConfigMap/tickcast-config", "Deployment", "PersistentVolumeClaim", "Service", "ServiceAccount", "NetworkPolicy"];

/// Fails unless each object of the overlay is in the chart and is the same there, and the reverse.
pub(super) fn check(overlay: &str, manifests: &str, chart: &str) -> Result<()> {
    let (manifests, mut chart) = (normalized(manifests)?, normalized(chart)?);
    if overlay == "observability" {
        chart.retain(|name, _| !OF_NODES.iter().any(|of| name.starts_with(&format!("{of}/")) || name == of));
    }
    let names = |objects: &BTreeMap<String, Value>| objects.keys().cloned().collect::<Vec<_>>().join(", ");
    ensure!(
        manifests.keys().eq(chart.keys()),
        "the overlay {overlay} has other objects than the chart:\n{}\nand\n{}",
        names(&manifests),
        names(&chart)
    );
    let mut differences = Vec::new();
    for (name, object) in &manifests {
        differ(name, object, &chart[name], &mut differences);
    }
    ensure!(
        differences.is_empty(),
        "the overlay {overlay} and the chart with its chart-values.yaml differ:\n{}",
        differences.join("\n")
    );
    println!("the overlay {overlay} and the chart agree about {} objects", manifests.len());
    Ok(())
}

/// Returns the objects by kind and name, without what only the chart or kustomize adds.
fn normalized(manifests: &str) -> Result<BTreeMap<String, Value>> {
    let mut objects = BTreeMap::new();
    for Object(mut object) in Object::parse_all(manifests)? {
        normalize(&mut object)?;
        let object = Object(object);
        let name = format!("{}/{}", object.kind(), object.name());
        ensure!(objects.insert(name.clone(), object.0).is_none(), "there are two objects {name}");
    }
    Ok(objects)
}

fn normalize(object: &mut Value) -> Result<()> {
    for (parent, key) in RELEASE_METADATA {
        if let Some(parent) = object.pointer_mut(parent).and_then(Value::as_object_mut) {
            parent.remove(key);
        }
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|key, value| key != "annotations" || value != &json!({}));
    }
    if let Some(file) = object.pointer_mut("/data/tickcast.toml") {
        *file = toml::from_str(file.as_str().unwrap_or_default()).context("tickcast.toml")?;
    }
    without_checksums(object);
    Ok(())
}

/// Removes the checksum from the names of ConfigMaps, which Helm and kustomize compute differently.
fn without_checksums(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(("tickcast", checksum)) = text.split_once("-config-")
                && checksum.chars().all(|letter| letter.is_ascii_alphanumeric())
            {
                *text = "tickcast-config".to_owned();
            }
        }
        Value::Array(list) => list.iter_mut().for_each(without_checksums),
        Value::Object(map) => map.values_mut().for_each(without_checksums),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Lists the places at which two values differ.
fn differ(place: &str, left: &Value, right: &Value, differences: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let mut keys: Vec<&String> = left.keys().chain(right.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let value = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                differ(&format!("{place}.{key}"), &value(left), &value(right), differences);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (nth, (left, right)) in left.iter().zip(right).enumerate() {
                differ(&format!("{place}[{nth}]"), left, right, differences);
            }
        }
        (left, right) if left == right => {}
        (left, right) => differences.push(format!("{place}: the overlay has {left}, the chart has {right}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "\
kind: ConfigMap
metadata:
  name: tickcast-config-abc123
  labels: {a: b}
data:
  tickcast.toml: |
    # A comment.
    mode = \"production\"
---
kind: Deployment
metadata: {name: tickcast}
spec: {volumes: [{configMap: {name: tickcast-config-abc123}}]}
";

    #[test]
    fn checksums_comments_and_labels_of_a_release_do_not_count() {
        let chart = MANIFEST.replace("abc123", "99").replace("    # A comment.\n", "");
        let chart = chart
            .replace("{a: b}", "{a: b, helm.sh/chart: tickcast-1}")
            .replace("{name: tickcast}", "{name: tickcast, namespace: n}");
        check("small", MANIFEST, &chart).unwrap();
    }

    #[test]
    fn each_difference_is_named() {
        for (from, to, expected) in [
            ("production", "development", "ConfigMap/tickcast-config.data.tickcast.toml.mode"),
            (
                "{a: b}",
                "{a: c}",
                "ConfigMap/tickcast-config.metadata.labels.a: the overlay has \"b\", the chart has \"c\"",
            ),
            ("{a: b}", "{}", "labels.a"),
            ("{volumes: [", "{replicas: 1, volumes: [", "Deployment/tickcast.spec.replicas: the overlay has null"),
            ("kind: Deployment", "kind: StatefulSet", "other objects"),
        ] {
            let error = check("small", MANIFEST, &MANIFEST.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn only_the_overlay_of_monitoring_leaves_the_nodes_to_another() {
        let node = "---\nkind: Service\nmetadata: {name: tickcast}\n";
        let with_node = "kind: PodMonitor\nmetadata: {name: tickcast}\n".to_owned() + node;
        let monitor = with_node.replace(node, "");
        check("observability", &monitor, &with_node).unwrap();
        assert!(check("small", &monitor, &with_node).is_err());
    }
}
