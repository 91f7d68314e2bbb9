//! Where the cluster's programs, images and state are: `target/kubernetes`.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::workspace::Workspace;

/// Longest path of a Unix socket, which the kernel limits to 107 bytes, below the folder.
const SOCKET_PATH_MAX: usize = 107 - "/run/n1/containerd.sock.ttrpc".len();

/// The folder of the cluster, and that of the files it is made from.
pub(super) struct Folders {
    /// Has the commands `kubectl`, `helm`, `in` and `ctr` while the cluster runs.
    pub(super) cluster: PathBuf,
    /// `deploy/test/kubernetes`.
    pub(super) sources: PathBuf,
}

impl Folders {
    pub(super) fn new(workspace: &Workspace) -> Result<Self> {
        let cluster = workspace.target.join("kubernetes");
        ensure!(
            cluster.as_os_str().len() <= SOCKET_PATH_MAX,
            "the path {} is too long for the sockets in it: at most {SOCKET_PATH_MAX} bytes",
            cluster.display()
        );
        Ok(Self { cluster, sources: workspace.root.join("deploy/test/kubernetes") })
    }

    /// The programs of Kubernetes.
    pub(super) fn programs(&self) -> PathBuf {
        self.cluster.join("bin")
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.programs().join(name)
    }

    /// The Go modules that the programs are built in.
    pub(super) fn modules(&self) -> PathBuf {
        self.cluster.join("src")
    }

    pub(super) fn images(&self) -> PathBuf {
        self.cluster.join("images")
    }

    /// Configuration and state, which end with the cluster.
    pub(super) fn state(&self) -> PathBuf {
        self.cluster.join("run")
    }

    pub(super) fn node(&self, number: usize) -> PathBuf {
        self.state().join(format!("n{number}"))
    }

    /// The logs of the cluster's processes, which remain until the next start.
    pub(super) fn logs(&self) -> PathBuf {
        self.cluster.join("log")
    }
}

/// Returns a path as text.
pub(super) fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| anyhow::anyhow!("the path {} is not UTF-8", path.display()))
}
