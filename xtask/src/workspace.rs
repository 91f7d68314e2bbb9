//! The Cargo workspace and the `cargo` command.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

use crate::process;
use crate::steps::Steps;

/// The workspace that contains the current folder.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// The target folder.
    pub(crate) target: PathBuf,
    pub(crate) members: Vec<Package>,
}

/// A member of the workspace.
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the root of the workspace, without a slash at the end.
    pub(crate) folder: String,
    pub(crate) dependencies: Vec<Dependency>,
}

pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: DependencyKind,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self> {
        Ok(Self::from_metadata(MetadataCommand::new().no_deps().exec()?))
    }

    fn from_metadata(metadata: Metadata) -> Self {
        let root = metadata.workspace_root.clone();
        let member = |package: cargo_metadata::Package| {
            let folder = package.manifest_path.parent().and_then(|folder| folder.strip_prefix(&root).ok());
            let dependency =
                |dependency: cargo_metadata::Dependency| Dependency { name: dependency.name, kind: dependency.kind };
            Package {
                name: package.name.to_string(),
                folder: folder.map(ToString::to_string).unwrap_or_default(),
                dependencies: package.dependencies.into_iter().map(dependency).collect(),
            }
        };
        let members = metadata.packages.into_iter().map(member).collect();
        Self { root: metadata.workspace_root.into(), target: metadata.target_directory.into(), members }
    }

    /// Returns the cargo that runs this program, in the environment of a cargo that was started by hand.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments).current_dir(&self.root);
        // Some build scripts (ring's) run again when these variables change. Without this,
        // `cargo test` and `cargo xtask test` would invalidate each other's builds.
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command
    }

    /// Builds each package by a command of its own. One command would build them with the union of their features.
    pub(crate) fn build(&self, steps: &mut Steps, profile: &str, packages: &[&str]) -> Result<()> {
        for package in packages {
            let build = ["build", "--profile", profile, "-p", package];
            steps.run(&format!("cargo {}", build.join(" ")), || process::run(&mut self.cargo(&build)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
impl Package {
    pub(crate) fn new(name: &str, dependencies: &[(&str, DependencyKind)]) -> Self {
        let dependencies =
            dependencies.iter().map(|(name, kind)| Dependency { name: (*name).to_owned(), kind: *kind }).collect();
        Self { name: name.to_owned(), folder: format!("crates/{name}"), dependencies }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_of_this_package_is_loaded() {
        let workspace = Workspace::load().unwrap();
        assert!(workspace.root.join("xtask/src/workspace.rs").is_file());
        let package = workspace.members.iter().find(|package| package.name == "xtask").unwrap();
        assert_eq!(package.folder, "xtask");
        let syn = package.dependencies.iter().find(|dependency| dependency.name == "syn").unwrap();
        assert_eq!(syn.kind, DependencyKind::Normal);
    }
}
