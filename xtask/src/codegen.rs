//! `cargo xtask codegen`: the files that are made from others, and whether they are fresh.

mod api_documents;
mod chart_readme;
mod chart_schema;
mod monitoring;
mod typescript;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;

/// Folder of the chart's copies, which has nothing else.
const CHART_COPIES: &str = "helm/tickcast/files";

/// A file with its content.
#[derive(Debug, PartialEq, Eq)]
struct GeneratedFile {
    /// Relative to the root of the workspace.
    path: String,
    content: String,
}

impl GeneratedFile {
    fn new(path: impl Into<String>, content: impl Into<String>) -> Self {
        Self { path: path.into(), content: content.into() }
    }
}

/// The files of one generator.
struct Generated {
    files: Vec<GeneratedFile>,
    /// The folders that have nothing else.
    folders: Vec<String>,
}

/// Writes the files that are not fresh, and removes those whose origin is gone.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    chart(&workspace.root)?.write(&workspace.root)?;
    // The library contains generated types.
    api_documents::generated(workspace)?.write(&workspace.root)?;
    typescript::generated(workspace)?.write(&workspace.root)
}

/// Fails unless the modules of the page are fresh. Needs Node.
pub(crate) fn check_typescript(workspace: &Workspace) -> Result<()> {
    typescript::generated(workspace)?.check(&workspace.root)
}

/// Fails unless the documents of the interfaces are fresh. Builds their generator.
pub(crate) fn check_api_documents(workspace: &Workspace) -> Result<()> {
    api_documents::generated(workspace)?.check(&workspace.root)
}

/// Fails unless the files of the chart are fresh.
pub(crate) fn check(root: &Path) -> Result<()> {
    chart(root)?.check(root)
}

fn chart(root: &Path) -> Result<Generated> {
    let mut files = monitoring::files(root)?;
    files.push(chart_readme::file(root)?);
    files.push(chart_schema::file(root)?);
    Ok(Generated { files, folders: vec![CHART_COPIES.to_owned()] })
}

impl Generated {
    fn write(&self, root: &Path) -> Result<()> {
        for file in self.stale(root) {
            let path = root.join(&file.path);
            fs::create_dir_all(path.parent().context("a generated file is in a folder")?)?;
            fs::write(path, &file.content)?;
            println!("{} is written", file.path);
        }
        for path in self.orphans(root)? {
            fs::remove_file(root.join(&path))?;
            println!("{path} is removed");
        }
        Ok(())
    }

    fn check(&self, root: &Path) -> Result<()> {
        let mut paths: Vec<String> = self.stale(root).map(|file| file.path.clone()).collect();
        paths.extend(self.orphans(root)?);
        ensure!(paths.is_empty(), "these files are not fresh; run `cargo xtask codegen`: {}", paths.join(", "));
        println!("{} generated files are fresh", self.files.len());
        Ok(())
    }

    fn stale(&self, root: &Path) -> impl Iterator<Item = &GeneratedFile> {
        let is_fresh =
            |file: &GeneratedFile| fs::read_to_string(root.join(&file.path)).is_ok_and(|old| old == file.content);
        self.files.iter().filter(move |file| !is_fresh(file))
    }

    /// Returns the files in the folders that nothing generates.
    fn orphans(&self, root: &Path) -> Result<Vec<String>> {
        let known: BTreeSet<&str> = self.files.iter().map(|file| file.path.as_str()).collect();
        let mut orphans = Vec::new();
        for folder in self.folders.iter().filter(|folder| root.join(folder).is_dir()) {
            let paths = paths_below(&root.join(folder))?.into_iter().map(|path| format!("{folder}/{path}"));
            orphans.extend(paths.filter(|path| !known.contains(path.as_str())));
        }
        Ok(orphans)
    }
}

/// Returns the sorted paths of all files below a folder, relative to it.
fn paths_below(folder: &Path) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current).with_context(|| format!("cannot list {}", current.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                paths.push(path.strip_prefix(folder)?.to_string_lossy().into_owned());
            }
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(root: &Path, path: &str) -> Result<String> {
    fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn changed_absent_and_orphaned_files_are_found() {
        let root = folder("fresh", &[("fresh", "new"), ("changed", "old"), ("core/gone.json", "{}")]);
        let generated = |names: &[&str]| Generated {
            files: names.iter().map(|name| GeneratedFile::new(format!("{CHART_COPIES}/{name}"), "new")).collect(),
            folders: vec![CHART_COPIES.to_owned()],
        };
        let some = generated(&["fresh", "changed", "absent"]);
        assert_eq!(some.stale(&root).collect::<Vec<_>>(), [&some.files[1], &some.files[2]]);
        assert_eq!(some.orphans(&root).unwrap(), [format!("{CHART_COPIES}/core/gone.json")]);
        let error = some.check(&root).unwrap_err().to_string();
        assert!(["changed", "absent", "core/gone.json"].iter().all(|name| error.contains(name)), "{error}");
        some.write(&root).unwrap();
        some.check(&root).unwrap();
        assert_eq!(paths_below(&root.join(CHART_COPIES)).unwrap(), ["absent", "changed", "fresh"]);
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn files_are_found_in_all_folders() {
        let root = folder("paths", &[("index.js", "1"), ("core/a.js", "3")]);
        assert_eq!(paths_below(&root.join(CHART_COPIES)).unwrap(), ["core/a.js", "index.js"]);
        fs::remove_dir_all(&root).unwrap();
        assert!(paths_below(&root).is_err());
    }

    /// Makes a root with files in the folder of the chart's copies.
    fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
        let root = std::env::temp_dir().join(format!("xtask-codegen-{name}-{}", std::process::id()));
        fs::create_dir_all(root.join(CHART_COPIES).join("core")).unwrap();
        for (path, content) in files {
            fs::write(root.join(CHART_COPIES).join(path), content).unwrap();
        }
        root
    }
}
