//! The API server accepts every rendering of the chart and every overlay, without a warning.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::super::folders::text;
use super::super::test_namespace::{Environment, RELEASE, TestNamespace};
use crate::process;

/// Selections of `deploy/test/kubernetes/values` that together have every object and every option that adds one.
const RENDERINGS: [&[&str]; 5] = [
    &["redis-secret", "exposure", "autoscaling"],
    &["trial-redis", "network-policy", "service-monitor"],
    &["trial-redis", "dual-stack"],
    &["trial-redis", "ipv6"],
    &["embedded"],
];

/// Overlays of `k8s`.
const OVERLAYS: [&str; 3] = ["small", "production", "observability"];

pub(super) fn run(environment: &Environment<'_>) -> Result<()> {
    environment.in_namespace("dry-run", |namespace| {
        for values in RENDERINGS {
            check_rendering(namespace, values).with_context(|| format!("values {}", values.join(", ")))?;
        }
        for overlay in OVERLAYS {
            let folder = environment.root.join("k8s/overlays").join(overlay);
            accept(namespace, &["--kustomize", text(&folder)?]).with_context(|| format!("overlay {overlay}"))?;
        }
        check_that_mistakes_are_seen(namespace)
    })
}

fn check_rendering(namespace: &TestNamespace<'_>, values: &[&str]) -> Result<()> {
    let Environment { folders, root, .. } = namespace.environment;
    let chart = root.join("helm/tickcast");
    let files = namespace.value_files(values)?;
    // The pod of `helm test` would need the release's ServiceAccount, which a dry run does not make.
    let mut arguments = vec!["template", RELEASE, text(&chart)?, "--no-hooks"];
    files.iter().for_each(|file| arguments.extend(["--values", file]));
    let rendered = namespace.helm(&arguments)?;
    let file = folders.state().join(format!("{}.rendered.yaml", values.join("-")));
    fs::write(&file, rendered)?;
    accept(namespace, &["--filename", text(&file)?])
}

/// A check that accepts everything would pass as well.
fn check_that_mistakes_are_seen(namespace: &TestNamespace<'_>) -> Result<()> {
    let file = namespace.environment.folders.state().join("mistake.yaml");
    for mistake in ["replicass: 2", "replicas: two"] {
        let deployment = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: mistake}}\nspec:\n  {mistake}\n  \
             selector: {{matchLabels: {{a: b}}}}\n  template:\n    metadata: {{labels: {{a: b}}}}\n    \
             spec: {{containers: [{{name: a, image: b}}]}}\n"
        );
        fs::write(&file, deployment)?;
        ensure!(accept(namespace, &["--filename", text(&file)?]).is_err(), "`{mistake}` is accepted");
    }
    Ok(())
}

fn accept(namespace: &TestNamespace<'_>, source: &[&str]) -> Result<()> {
    let folder = &namespace.environment.folders.cluster;
    let mut command = std::process::Command::new(folder.join("kubectl"));
    command.args(["--namespace", &namespace.name, "apply", "--server-side", "--dry-run=server", "--validate=strict"]);
    let printed = process::outputs(command.args(source))?;
    let warning = printed.lines().find(|line| line.contains("Warning"));
    ensure!(warning.is_none(), "the API server warns: {}", warning.unwrap_or_default());
    Ok(())
}
