//! The documents of the interfaces and the TypeScript types, which the crate `apidocs` makes from the schemas of `wire`.

use std::fs;

use anyhow::Result;

use super::{Generated, GeneratedFile, paths_below, read};
use crate::process;
use crate::workspace::Workspace;

pub(super) fn generated(workspace: &Workspace) -> Result<Generated> {
    let folder = workspace.target.join("apidocs");
    // Files that only an earlier version of the generator wrote are not expected.
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut command = workspace.cargo(&["run", "--quiet", "-p", "apidocs", "--"]);
    process::run(command.arg(&folder))?;
    let files = paths_below(&folder)?.into_iter().map(|path| {
        let content = read(&folder, &path)?;
        Ok(GeneratedFile::new(path, content))
    });
    Ok(Generated { files: files.collect::<Result<_>>()?, folders: Vec::new() })
}
