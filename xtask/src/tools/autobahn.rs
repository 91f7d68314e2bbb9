//! Autobahn's WebSocket test suite. It runs only on Python 2.7, which a fresh machine does not have.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{path_variable, version};
use crate::process;

/// Environment variable with the path of a Python 2.7.
const VARIABLE: &str = "PYTHON27";

/// The packages for pip, with their checksums.
const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tools/autobahn.txt");

/// File that marks a complete installation.
const MARKER: &str = "installed";

/// Starts the suite. Python finds some of its packages only if the folder is a site directory.
const RUN: &str = "import site, sys; site.addsitedir(sys.argv.pop(1)); \
                   from autobahntestsuite.wstest import run; run()";

/// The installed suite.
pub(crate) struct Autobahn {
    python: PathBuf,
    folder: PathBuf,
}

impl Autobahn {
    /// Returns the command that runs the cases of `specification.json`.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.args(["-c", RUN]).arg(&self.folder);
        command.args(["--mode", "fuzzingclient", "--spec", "specification.json"]);
        command
    }
}

/// Installs the suite into the target folder if it is missing.
pub(crate) fn install(target: &Path) -> Result<Autobahn> {
    let python = find_python().with_context(|| {
        format!("Python 2.7 with pip is required, for example by `pyenv install 2.7.18`: set {VARIABLE} to its path")
    })?;
    let folder = target.join("tools/autobahn");
    let requirements = fs::read_to_string(REQUIREMENTS)?;
    if fs::read_to_string(folder.join(MARKER)).is_ok_and(|installed| installed == requirements) {
        return Ok(Autobahn { python, folder });
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut command = Command::new(&python);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
    process::run(command.args(["--requirement", REQUIREMENTS, "--target"]).arg(&folder))?;
    fs::write(folder.join(MARKER), requirements)?;
    Ok(Autobahn { python, folder })
}

fn find_python() -> Option<PathBuf> {
    let on_path = || process::find("python2.7").filter(|path| is_python27(path));
    path_variable(VARIABLE).or_else(on_path).or_else(find_in_pyenv)
}

/// Finds a Python among the versions of pyenv, selected or not.
fn find_in_pyenv() -> Option<PathBuf> {
    let root = path_variable("PYENV_ROOT").or_else(|| Some(path_variable("HOME")?.join(".pyenv")))?;
    let versions = fs::read_dir(root.join("versions")).ok()?.filter_map(Result::ok);
    versions.map(|version| version.path().join("bin/python2.7")).find(|python| is_python27(python))
}

/// Runs the program: the shims of pyenv fail for versions that are not selected.
fn is_python27(python: &Path) -> bool {
    version(python, "--version").is_ok_and(|version| version.starts_with("Python 2.7"))
}
