//! Objects of Kubernetes, as they stand in manifests.

use anyhow::{Context, Result};
use serde_json::Value;

/// An object.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Object(pub(super) Value);

impl Object {
    /// Parses the documents of a manifest.
    pub(super) fn parse_all(manifest: &str) -> Result<Vec<Self>> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(manifest).context("the manifest is not YAML")?;
        Ok(documents.into_iter().filter(|document| !document.is_null()).map(Self).collect())
    }

    pub(super) fn kind(&self) -> &str {
        self.0["kind"].as_str().unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.0["metadata"]["name"].as_str().unwrap_or_default()
    }
}

/// Finds the only object of a kind with a name.
pub(super) fn find<'a>(objects: &'a [Object], kind: &str, name: &str) -> Option<&'a Object> {
    let mut found = objects.iter().filter(|object| object.kind() == kind && object.name() == name);
    found.next().filter(|_| found.next().is_none())
}
