//! The TypeScript library as plain ES modules in `console/lib`. The page is embedded in the binary, and building the
//! binary must need no Node.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;
use crate::{npm, tools};

/// Where the page finds the modules.
const OUTPUT: &str = "console/lib/tickcast";

/// The contents of files by their paths within a folder.
type Files = BTreeMap<PathBuf, Vec<u8>>;

pub(super) fn generate(workspace: &Workspace) -> Result<()> {
    let files = compile(workspace)?;
    let output = workspace.root.join(OUTPUT);
    if output.exists() {
        fs::remove_dir_all(&output)?;
    }
    for (path, content) in &files {
        let path = output.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&output))?;
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("{} files in {OUTPUT}", files.len());
    Ok(())
}

pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let committed = read_modules(&workspace.root.join(OUTPUT))?;
    let differing = differences(&compile(workspace)?, &committed);
    ensure!(differing.is_empty(), "{OUTPUT} is out of date: {}", differing.join(", "));
    Ok(())
}

fn compile(workspace: &Workspace) -> Result<Files> {
    let tools = tools::install_for_typescript()?;
    npm::install_packages(&workspace.root, npm::TYPESCRIPT, &tools[1])?;
    npm::compile_typescript(&workspace.root, &tools[0])?;
    read_modules(&workspace.root.join(npm::TYPESCRIPT).join("dist"))
}

/// Reads the modules below a folder. Declarations of types are of no use to the page.
fn read_modules(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current).with_context(|| format!("cannot list {}", current.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "js") {
                files.insert(path.strip_prefix(folder)?.to_owned(), fs::read(&path)?);
            }
        }
    }
    Ok(files)
}

/// Returns the paths whose contents differ, or that only one side has.
fn differences(expected: &Files, committed: &Files) -> Vec<String> {
    let paths = expected.keys().chain(committed.keys().filter(|path| !expected.contains_key(*path)));
    paths.filter(|path| expected.get(*path) != committed.get(*path)).map(|path| path.display().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_missing_and_surplus_files_are_differences() {
        let expected = files(&[("a.js", "1"), ("core/b.js", "2"), ("c.js", "3")]);
        let committed = files(&[("a.js", "1"), ("core/b.js", "changed"), ("d.js", "4")]);
        assert_eq!(differences(&expected, &committed), ["c.js", "core/b.js", "d.js"]);
        assert_eq!(differences(&expected, &expected), [""; 0]);
    }

    #[test]
    fn only_modules_are_read_from_all_folders() {
        let folder = std::env::temp_dir().join(format!("xtask-codegen-{}", std::process::id()));
        fs::create_dir_all(folder.join("core")).unwrap();
        for (path, content) in [("index.js", "1"), ("index.d.ts", "2"), ("core/a.js", "3")] {
            fs::write(folder.join(path), content).unwrap();
        }
        assert_eq!(read_modules(&folder).unwrap(), files(&[("index.js", "1"), ("core/a.js", "3")]));
        fs::remove_dir_all(&folder).unwrap();
        assert!(read_modules(&folder).is_err());
    }

    fn files(all: &[(&str, &str)]) -> Files {
        all.iter().map(|(path, content)| (PathBuf::from(path), content.as_bytes().to_vec())).collect()
    }
}
