//! The schemas of Kubernetes, by kubernetes-validate.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};

use crate::process;
use crate::tools::PythonModule;

/// The oldest version that the chart supports, and the newest one with schemas.
pub(super) const VERSIONS: [&str; 2] = ["1.27", "1.37"];

/// Kinds that are no part of Kubernetes, so that there is no schema.
const CUSTOM_KINDS: [&str; 4] = [
    "kind HTTPRoute with api version gateway.networking.k8s.io/v1",
    "kind PodMonitor with api version monitoring.coreos.com/v1",
    "kind PrometheusRule with api version monitoring.coreos.com/v1",
    "kind ServiceMonitor with api version monitoring.coreos.com/v1",
];

/// Fails unless the objects are valid for a version of Kubernetes.
pub(super) fn check(validator: &PythonModule, version: &str, manifests: &[PathBuf]) -> Result<()> {
    let mut command = validator.command();
    let output = process::outputs(command.args(["--strict", "-k", version]).args(manifests))?;
    let checked = checked(&output)?;
    ensure!(checked > 0, "kubernetes-validate has checked nothing:\n{output}");
    println!("kubernetes-validate: {checked} objects for Kubernetes {version}");
    Ok(())
}

/// Returns the number of valid objects. Objects without a schema are a warning that does not fail the validator.
fn checked(output: &str) -> Result<usize> {
    let mut checked = 0;
    for line in output.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with("INFO") && line.contains(" passed for resource ") {
            checked += 1;
        } else if !(line.starts_with("WARN") && CUSTOM_KINDS.iter().any(|kind| line.contains(kind))) {
            bail!("kubernetes-validate: {line}");
        }
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_custom_kinds_may_lack_a_schema() {
        let passed = "INFO  a.yaml passed for resource service/a against version 1.27\n";
        let unknown =
            |kind: &str| format!("WARN a.yaml Couldn't find schema for kind {kind} for kubernetes version 1.27\n");
        let route = unknown("HTTPRoute with api version gateway.networking.k8s.io/v1");
        assert_eq!(checked(&format!("{passed}{route}{passed}")).unwrap(), 2);
        assert!(checked(&format!("{passed}{}", unknown("Deployment with api version apps/v2"))).is_err());
        assert!(checked(&format!("{passed}ERROR a.yaml is invalid\n")).is_err());
    }
}
