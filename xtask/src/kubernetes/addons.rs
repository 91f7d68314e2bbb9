//! Services of the cluster itself: DNS, metrics, storage, and resource types of others.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use super::folders::{Folders, text};
use super::interrupt::Interrupt;
use super::kubectl::Kubectl;
use super::programs;
use super::test_cluster::render;

/// Files in `deploy/test/kubernetes/addons`, with the Deployment of each.
const ADDONS: [(&str, &str, &str); 5] = [
    ("coredns", "kube-system", "deployment/coredns"),
    ("metrics-server", "kube-system", "deployment/metrics-server"),
    ("local-path", "local-path-storage", "deployment/local-path-provisioner"),
    ("prometheus", "monitoring", "deployment/prometheus"),
    ("prometheus-adapter", "monitoring", "deployment/prometheus-adapter"),
];

/// Limit for the start of all of them.
const READY_SECONDS: u32 = 120;

/// Installs all, and waits until they are ready.
pub(super) fn install(folders: &Folders, interrupt: &Interrupt) -> Result<()> {
    let kubectl = &Kubectl::new(folders);
    for (name, ..) in ADDONS {
        let template = fs::read_to_string(folders.sources.join(format!("addons/{name}.yaml")))?;
        let file = folders.state().join(format!("{name}.yaml"));
        fs::write(&file, render(folders, 1, &template).with_context(|| format!("addons/{name}.yaml"))?)?;
        kubectl.kubectl(&["apply", "--filename", text(&file)?])?;
    }
    for file in programs::resource_definitions(folders)? {
        // Client-side apply would keep a second copy in an annotation, which such a definition is too large for.
        kubectl.kubectl(&["apply", "--server-side", "--filename", &file])?;
    }
    for (name, namespace, deployment) in ADDONS {
        interrupt.check()?;
        kubectl.wait_for_rollout(namespace, deployment, READY_SECONDS).with_context(|| format!("no {name}"))?;
    }
    let limit = Duration::from_secs(READY_SECONDS.into());
    interrupt.wait_until("pods have metrics", limit, || {
        kubectl.kubectl(&["top", "pod", "--namespace", "kube-system"]).map(|table| table.contains("coredns"))
    })
}
