//! The documents of the interfaces and the TypeScript types, which the crate `apidocs` makes from the schemas of `wire`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{GeneratedFile, require_fresh, stale, write_stale};
use crate::process;
use crate::workspace::Workspace;

/// Writes the files that are not fresh.
pub(super) fn generate(workspace: &Workspace) -> Result<()> {
    write_stale(&workspace.root, &files(workspace)?)
}

/// Fails unless all files are fresh.
pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let files = files(workspace)?;
    let paths: Vec<String> = stale(&workspace.root, &files).map(|file| file.path.clone()).collect();
    require_fresh(&files, &paths)
}

fn files(workspace: &Workspace) -> Result<Vec<GeneratedFile>> {
    let folder = workspace.target.join("apidocs");
    // What an earlier version has generated must not count.
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut command = workspace.cargo(&["run", "--quiet", "-p", "apidocs", "--"]);
    process::run(command.arg(&folder))?;
    let mut files = Vec::new();
    collect(&folder, &folder, &mut files)?;
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<GeneratedFile>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else {
            let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
            files.push(GeneratedFile::new(name, fs::read_to_string(&path)?));
        }
    }
    Ok(())
}
