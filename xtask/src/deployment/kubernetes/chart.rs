//! The Helm chart.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process;

/// The folder of the chart, and that of its sets of values.
const CHART: &str = "helm/tickcast";
const VALUE_SETS: &str = "ci";

/// The set of values that the chart itself has; it lacks those that have no default.
pub(super) const DEFAULT: &str = "default";

/// The name and the namespace of the rendered release. The name is that of the manifests.
const RELEASE: &str = "tickcast";
const NAMESPACE: &str = "timers";

/// The chart, and the Helm that renders it.
pub(super) struct Chart {
    helm: PathBuf,
    folder: PathBuf,
}

impl Chart {
    pub(super) fn new(root: &Path, helm: &Path) -> Result<Self> {
        let folder = root.join(CHART);
        ensure!(folder.join("Chart.yaml").is_file(), "{CHART} has no Chart.yaml");
        Ok(Self { helm: helm.to_owned(), folder })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the sets of values that are checked.
    pub(super) fn value_sets(&self) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(self.folder.join(VALUE_SETS))?;
        let mut sets = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
        sets.sort();
        ensure!(!sets.is_empty(), "{CHART}/{VALUE_SETS} has no values");
        Ok(sets)
    }

    /// Returns the file of one set of values.
    pub(super) fn value_set(&self, name: &str) -> PathBuf {
        match name {
            DEFAULT => self.folder.join("values.yaml"),
            name => self.folder.join(VALUE_SETS).join(format!("{name}-values.yaml")),
        }
    }

    pub(super) fn lint(&self, values: &Path) -> Result<()> {
        let mut command = self.command("lint");
        command.args(["--strict", "--quiet"]).arg(&self.folder).arg("--values").arg(values);
        process::output(&mut command).map(drop)
    }

    /// Renders the chart with values, and with changes of them as `key=JSON`.
    pub(super) fn render(&self, values: &Path, changes: &[&str]) -> Result<String> {
        process::output(&mut self.template(values, changes))
    }

    /// Returns the command that renders the chart.
    pub(super) fn template(&self, values: &Path, changes: &[&str]) -> Command {
        let mut command = self.command("template");
        command.arg(RELEASE).arg(&self.folder).args(["--namespace", NAMESPACE]).arg("--values").arg(values);
        for change in changes {
            command.args(["--set-json", change]);
        }
        command
    }

    /// Renders the chart for a version of Kubernetes.
    pub(super) fn render_for(&self, version: &str, values: &Path, changes: &[&str]) -> Result<String> {
        process::output(self.template(values, changes).args(["--kube-version", version]))
    }

    /// Fails unless the chart, its application and the workspace have one version.
    pub(super) fn check_version(&self) -> Result<()> {
        let metadata = fs::read_to_string(self.folder.join("Chart.yaml"))?;
        let metadata: Value = serde_saphyr::from_str(&metadata).context("Chart.yaml")?;
        for key in ["version", "appVersion"] {
            let version = env!("CARGO_PKG_VERSION");
            ensure!(metadata[key] == version, "{CHART}/Chart.yaml: {key} is {}, not {version}", metadata[key]);
        }
        Ok(())
    }

    fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.helm);
        command.arg(subcommand);
        command
    }
}
