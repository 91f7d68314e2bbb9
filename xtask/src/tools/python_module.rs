//! Programs that are Python modules with dependencies, in a folder of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{PIP, PYTHON, install};
use crate::process;

/// File that marks a complete installation.
const MARKER: &str = "installed";

/// An installed module that can be run.
pub(crate) struct PythonModule {
    python: PathBuf,
    folder: PathBuf,
    module: &'static str,
}

impl PythonModule {
    /// Installs packages with their checksums into the target folder if they are missing.
    pub(super) fn install(module: &'static str, requirements: &str, target: &Path) -> Result<Self> {
        let [python, _pip] = install([&PYTHON, &PIP])?;
        let folder = target.join("tools").join(module);
        let installed = Self { python, folder, module };
        if fs::read_to_string(installed.folder.join(MARKER)).is_ok_and(|installed| installed == requirements) {
            return Ok(installed);
        }
        if installed.folder.exists() {
            fs::remove_dir_all(&installed.folder)?;
        }
        fs::create_dir_all(&installed.folder)?;
        let file = installed.folder.join("requirements.txt");
        fs::write(&file, requirements)?;
        println!("installing {module}");
        let mut command = Command::new(&installed.python);
        command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]);
        command.args(["--no-deps", "--only-binary=:all:", "--require-hashes", "--requirement"]).arg(file);
        process::run(command.arg("--target").arg(&installed.folder))
            .with_context(|| format!("`{module}` is required: its packages are in xtask/src/tools/{module}.txt"))?;
        fs::write(installed.folder.join(MARKER), requirements)?;
        Ok(installed)
    }

    /// Returns the command that runs the module.
    pub(crate) fn command(&self) -> Command {
        let mut command = self.python();
        command.args(["-m", self.module]);
        command
    }

    /// Returns a Python that finds the packages.
    pub(crate) fn python(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.env("PYTHONPATH", &self.folder);
        command
    }
}
