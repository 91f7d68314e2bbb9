//! The clients of a running cluster.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::folders::{Folders, text};
use crate::process;

/// `kubectl` and `helm`, in the network of the cluster.
pub(super) struct Kubectl {
    folder: PathBuf,
}

impl Kubectl {
    pub(super) fn new(folders: &Folders) -> Self {
        Self { folder: folders.cluster.clone() }
    }

    /// Runs kubectl and returns what it prints.
    pub(super) fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        process::output(Command::new(self.folder.join("kubectl")).args(arguments))
    }

    /// Runs `kubectl get` and returns the object, or the list of objects.
    pub(super) fn get(&self, arguments: &[&str]) -> Result<Value> {
        let printed = self.kubectl(&[&["get", "--output=json"], arguments].concat())?;
        serde_json::from_str(&printed).with_context(|| format!("`kubectl get {}`", arguments.join(" ")))
    }

    /// Waits until all pods of a Deployment or a StatefulSet are those of its present template, and ready.
    pub(super) fn wait_for_rollout(&self, namespace: &str, object: &str, seconds: u32) -> Result<()> {
        let timeout = format!("--timeout={seconds}s");
        let waited = self.kubectl(&["--namespace", namespace, "rollout", "status", object, &timeout]);
        waited.map(drop).with_context(|| {
            let logs = ["--namespace", namespace, "logs", object, "--all-containers", "--tail=5"];
            let logs = self.kubectl(&logs).unwrap_or_else(|error| format!("no log: {error:#}"));
            format!("{object} does not become ready; last lines of its log:\n{logs}")
        })
    }

    /// Runs a program in the network of node 1.
    pub(super) fn inside(&self, program: &str) -> Command {
        let mut command = Command::new(self.folder.join("in"));
        command.arg(program);
        command
    }

    /// Imports an image archive on a node.
    pub(super) fn import(&self, node: usize, archive: &std::path::Path) -> Result<()> {
        let mut command = Command::new(self.folder.join("ctr"));
        command.args([&format!("-{node}"), "images", "import", "--local", text(archive)?]);
        process::output(&mut command).map(drop)
    }

    /// Tells whether the container runtime of a node answers.
    pub(super) fn runtime_answers(&self, node: usize) -> bool {
        let mut command = Command::new(self.folder.join("ctr"));
        process::output(command.args([&format!("-{node}"), "version"])).is_ok()
    }
}
