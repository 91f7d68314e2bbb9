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
const COPIES: &str = "helm/tickcast/files";

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

/// Writes the files that are not fresh, and removes copies whose origin is gone.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    let files = generated(&workspace.root)?;
    write_stale(&workspace.root, &files)?;
    for path in orphans(&workspace.root, &files)? {
        fs::remove_file(workspace.root.join(&path))?;
        println!("{path} is removed");
    }
    // The library contains generated types.
    api_documents::generate(workspace)?;
    typescript::generate(workspace)
}

/// Fails unless the modules of the page are fresh. Needs Node.
pub(crate) fn check_typescript(workspace: &Workspace) -> Result<()> {
    typescript::check(workspace).context("run `cargo xtask codegen` and commit the files")
}

/// Fails unless the documents of the interfaces are fresh. Builds their generator.
pub(crate) fn check_api_documents(workspace: &Workspace) -> Result<()> {
    api_documents::check(workspace)
}

/// Fails unless all other generated files are fresh.
pub(crate) fn check(root: &Path) -> Result<()> {
    let files = generated(root)?;
    let mut paths: Vec<String> = stale(root, &files).map(|file| file.path.clone()).collect();
    paths.extend(orphans(root, &files)?);
    require_fresh(&files, &paths)
}

fn generated(root: &Path) -> Result<Vec<GeneratedFile>> {
    let mut files = monitoring::files(root)?;
    files.push(chart_readme::file(root)?);
    files.push(chart_schema::file(root)?);
    Ok(files)
}

/// Writes the files of a list that are not fresh.
fn write_stale(root: &Path, files: &[GeneratedFile]) -> Result<()> {
    for file in stale(root, files) {
        let path = root.join(&file.path);
        fs::create_dir_all(path.parent().context("a generated file is in a folder")?)?;
        fs::write(path, &file.content)?;
        println!("{} is written", file.path);
    }
    Ok(())
}

/// Fails unless the files of a list are fresh.
fn require_fresh(files: &[GeneratedFile], stale_paths: &[String]) -> Result<()> {
    ensure!(stale_paths.is_empty(), "these files are not fresh; run `cargo xtask codegen`: {}", stale_paths.join(", "));
    println!("{} generated files are fresh", files.len());
    Ok(())
}

fn stale<'a>(root: &Path, files: &'a [GeneratedFile]) -> impl Iterator<Item = &'a GeneratedFile> {
    let is_fresh =
        |file: &GeneratedFile| fs::read_to_string(root.join(&file.path)).is_ok_and(|old| old == file.content);
    files.iter().filter(move |file| !is_fresh(file)).collect::<Vec<_>>().into_iter()
}

/// Returns the files in the folder of copies that nothing generates.
fn orphans(root: &Path, files: &[GeneratedFile]) -> Result<Vec<String>> {
    let known: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let mut orphans = Vec::new();
    for folder in [COPIES.to_owned(), format!("{COPIES}/dashboards")] {
        for name in names(&root.join(&folder))? {
            let path = format!("{folder}/{name}");
            if root.join(&path).is_file() && !known.contains(path.as_str()) {
                orphans.push(path);
            }
        }
    }
    Ok(orphans)
}

/// Returns the sorted names in a folder; none if there is no such folder.
fn names(folder: &Path) -> Result<Vec<String>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<String>>>()?;
    names.sort();
    Ok(names)
}

fn read(root: &Path, path: &str) -> Result<String> {
    fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_absent_and_orphaned_files_are_found() {
        let root = std::env::temp_dir().join(format!("xtask-codegen-{}", std::process::id()));
        fs::create_dir_all(root.join(COPIES).join("dashboards")).unwrap();
        for (path, content) in [("fresh", "new"), ("changed", "old"), ("dashboards/gone.json", "{}")] {
            fs::write(root.join(COPIES).join(path), content).unwrap();
        }
        let file = |name: &str| GeneratedFile::new(format!("{COPIES}/{name}"), "new");
        let files = [file("fresh"), file("changed"), file("absent")];
        assert_eq!(stale(&root, &files).collect::<Vec<_>>(), [&files[1], &files[2]]);
        assert_eq!(orphans(&root, &files).unwrap(), [format!("{COPIES}/dashboards/gone.json")]);
        fs::remove_dir_all(&root).unwrap();
    }
}
