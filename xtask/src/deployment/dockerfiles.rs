//! The Dockerfiles of `deploy`: hadolint has nothing to report.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;
use crate::{process, tools};

/// Name of a Dockerfile.
const NAME: &str = "Dockerfile";

pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let hadolint = tools::install_hadolint(&workspace.target)?;
    let mut files = Vec::new();
    find(&workspace.root.join("deploy"), &mut files)?;
    ensure!(!files.is_empty(), "deploy has no {NAME}");
    process::run(Command::new(hadolint).args(["--failure-threshold", "style"]).args(&files))?;
    println!("hadolint: {} files", files.len());
    Ok(())
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.file_name().is_some_and(|name| name == NAME) {
            files.push(path);
        }
    }
    files.sort();
    Ok(())
}
