//! The WebSocket test suite of Autobahn. It runs on Python 2.7 only, which no fresh machine has.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result};

use super::version;
use crate::process;

/// Environment variable that names a Python 2.7.
const VARIABLE: &str = "PYTHON27";

/// What pip installs, with its checksums.
const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tools/autobahn.txt");

/// Written when all is installed.
const WHOLE: &str = "installed";

/// The suite, and what runs it. Some of its packages are only found if the folder is a site's.
const RUN: &str = "import site, sys; site.addsitedir(sys.argv.pop(1)); \
                   from autobahntestsuite.wstest import run; run()";

/// The suite.
pub(crate) struct Autobahn {
    python: PathBuf,
    folder: PathBuf,
}

impl Autobahn {
    /// Returns what runs it by `specification.json`.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.args(["-c", RUN]).arg(&self.folder);
        command.args(["--mode", "fuzzingclient", "--spec", "specification.json"]);
        command
    }
}

/// Installs the suite into the target folder, if it is not there.
pub(crate) fn provide(target: &Path) -> Result<Autobahn> {
    let python = python().with_context(|| {
        format!("Python 2.7 with pip is needed, for example by `pyenv install 2.7.18`: set {VARIABLE} to its path")
    })?;
    let folder = target.join("tools/autobahn");
    let wanted = fs::read_to_string(REQUIREMENTS)?;
    if fs::read_to_string(folder.join(WHOLE)).is_ok_and(|installed| installed == wanted) {
        return Ok(Autobahn { python, folder });
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut command = Command::new(&python);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
    process::run(command.args(["--requirement", REQUIREMENTS, "--target"]).arg(&folder))?;
    fs::write(folder.join(WHOLE), wanted)?;
    Ok(Autobahn { python, folder })
}

fn python() -> Result<PathBuf> {
    let named = env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let found = || process::find("python2.7").filter(|path| is_27(path));
    named.or_else(found).or_else(of_pyenv).context("there is none")
}

/// A Python that pyenv keeps, whichever it has in use.
fn of_pyenv() -> Option<PathBuf> {
    let home = |name: &str| env::var_os(name).filter(|path: &OsString| !path.is_empty()).map(PathBuf::from);
    let root = home("PYENV_ROOT").or_else(|| Some(home("HOME")?.join(".pyenv")))?;
    let versions = fs::read_dir(root.join("versions")).ok()?.filter_map(Result::ok);
    versions.map(|version| version.path().join("bin/python2.7")).find(|python| is_27(python))
}

/// Tells whether it runs; pyenv puts something in the way of those that are not in use.
fn is_27(python: &Path) -> bool {
    version(python, "--version").is_ok_and(|version| version.starts_with("Python 2.7"))
}
