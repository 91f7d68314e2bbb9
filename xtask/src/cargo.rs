//! Cargo as a child process, and what its metadata says.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// One package as `cargo metadata` describes it.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) licence: Option<String>,
    /// Relative to the workspace root, or absolute outside of it.
    pub(crate) manifest: String,
    pub(crate) dependencies: Vec<Dependency>,
    /// `[package.metadata.tidy] used`: dependencies that no source line mentions.
    pub(crate) used: Vec<String>,
}

pub(crate) struct Dependency {
    pub(crate) name: String,
    /// How the source calls it.
    pub(crate) identifier: String,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Dev,
    Build,
}

/// The cargo that runs us, in the environment of a cargo started by hand.
pub(crate) fn command(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    // Some build scripts (ring's) rerun when these change, so that without this
    // `cargo test` and `cargo xtask test` would undo each other's builds.
    for (name, _) in env::vars_os() {
        let shown = name.to_string_lossy();
        if shown.starts_with("CARGO_PKG_") || shown.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

pub(crate) fn workspace_root() -> Result<PathBuf> {
    let arguments = ["locate-project", "--workspace", "--message-format", "plain"];
    let manifest = process::output(command(Path::new(".")).args(arguments))?;
    let manifest = PathBuf::from(manifest.trim_end());
    let root = manifest.parent().context("the root manifest lies in no directory")?;
    Ok(root.to_owned())
}

pub(crate) fn target_directory(root: &Path) -> Result<PathBuf> {
    let metadata = metadata(root, &["--no-deps"])?;
    let directory = metadata["target_directory"].as_str().context("metadata without target_directory")?;
    Ok(directory.into())
}

/// The members of the workspace.
pub(crate) fn members(root: &Path) -> Result<Vec<Package>> {
    packages(root, &metadata(root, &["--no-deps"])?)
}

/// Everything the lock file names, for every platform.
pub(crate) fn everything(root: &Path) -> Result<Vec<Package>> {
    let metadata = metadata(root, &["--offline"]).or_else(|_| metadata(root, &[]))?;
    packages(root, &metadata)
}

fn metadata(root: &Path, arguments: &[&str]) -> Result<Value> {
    let mut command = command(root);
    command.args(["metadata", "--format-version", "1"]).args(arguments);
    let output = process::output(&mut command)?;
    serde_json::from_str(&output).context("cargo metadata wrote no JSON")
}

fn packages(root: &Path, metadata: &Value) -> Result<Vec<Package>> {
    let packages = metadata["packages"].as_array().context("metadata without packages")?;
    packages.iter().map(|package| parse(root, package)).collect()
}

fn parse(root: &Path, package: &Value) -> Result<Package> {
    let manifest = Path::new(text(package, "manifest_path")?);
    let manifest = manifest.strip_prefix(root).unwrap_or(manifest);
    let dependencies = package["dependencies"].as_array().context("a package without dependencies")?;
    let used = package["metadata"]["tidy"]["used"].as_array();
    Ok(Package {
        name: text(package, "name")?.to_owned(),
        version: text(package, "version")?.to_owned(),
        licence: package["license"].as_str().map(str::to_owned),
        manifest: manifest.to_string_lossy().into_owned(),
        dependencies: dependencies.iter().map(dependency).collect::<Result<_>>()?,
        used: used.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
    })
}

fn dependency(value: &Value) -> Result<Dependency> {
    let name = text(value, "name")?;
    Ok(Dependency {
        name: name.to_owned(),
        identifier: value["rename"].as_str().unwrap_or(name).replace('-', "_"),
        kind: match value["kind"].as_str() {
            Some("dev") => Kind::Dev,
            Some("build") => Kind::Build,
            Some(_) | None => Kind::Normal,
        },
    })
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().with_context(|| format!("cargo metadata without `{key}`"))
}

#[cfg(test)]
impl Package {
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            licence: None,
            manifest: format!("crates/{name}/Cargo.toml"),
            dependencies: vec![],
            used: vec![],
        }
    }

    pub(crate) fn needing(mut self, dependency: &str, kind: Kind) -> Self {
        let identifier = dependency.replace('-', "_");
        self.dependencies.push(Dependency { name: dependency.to_owned(), identifier, kind });
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_package_keeps_renames_kinds_and_the_list_of_used() {
        let package = json!({
            "name": "wire", "version": "0.1.0", "license": null,
            "manifest_path": "/repo/crates/wire/Cargo.toml",
            "metadata": { "tidy": { "used": ["hidden"] } },
            "dependencies": [
                { "name": "futures-util", "rename": null, "kind": null },
                { "name": "md-5", "rename": "md5-hash", "kind": "dev" },
            ],
        });
        let package = parse(Path::new("/repo"), &package).unwrap();
        assert_eq!(package.manifest, "crates/wire/Cargo.toml");
        assert_eq!(package.licence, None);
        assert_eq!(package.used, ["hidden"]);
        let seen: Vec<_> = package.dependencies.iter().map(|d| (d.identifier.as_str(), d.kind)).collect();
        assert_eq!(seen, [("futures_util", Kind::Normal), ("md5_hash", Kind::Dev)]);
    }
}
