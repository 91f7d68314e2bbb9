//! The overlays of kustomize.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::process;

const FOLDER: &str = "k8s/overlays";
const NAMES: [&str; 3] = ["observability", "production", "small"];

/// An overlay.
pub(super) struct Overlay {
    name: &'static str,
    folder: PathBuf,
    kubectl: PathBuf,
}

impl Overlay {
    pub(super) fn all(root: &Path, kubectl: &Path) -> Result<Vec<Self>> {
        let folder = root.join(FOLDER);
        let found = folder.read_dir()?.count();
        ensure!(found == NAMES.len(), "{FOLDER} has {found} folders, but {NAMES:?} are checked");
        let overlay = |name| Self { name, folder: folder.join(name), kubectl: kubectl.to_owned() };
        Ok(NAMES.map(overlay).into_iter().collect())
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn build(&self) -> Result<String> {
        process::output(Command::new(&self.kubectl).arg("kustomize").arg(&self.folder))
    }

    /// Returns the file of the values with which the chart makes the same objects.
    pub(super) fn chart_values(&self) -> PathBuf {
        self.folder.join("chart-values.yaml")
    }
}
