//! The files that git tracks or would track, read once for all checks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::rust_file::RustFile;
use crate::process;
use crate::workspace::Package;

/// All paths are relative to the root and use `/`.
#[derive(Default)]
pub(crate) struct Tree {
    /// All files, including those that are not text.
    pub(crate) paths: BTreeSet<String>,
    pub(crate) texts: BTreeMap<String, String>,
    pub(crate) rust: Vec<RustFile>,
}

impl Tree {
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let listed = process::output(Command::new("git").args(arguments).current_dir(root))
            .context("tidy checks the files that git knows")?;
        let mut tree = Self::default();
        for path in listed.split_terminator('\0') {
            // git lists submodules, and deleted files until the deletion is staged.
            if !root.join(path).is_file() {
                continue;
            }
            let bytes = fs::read(root.join(path)).with_context(|| format!("cannot read {path}"))?;
            if let Ok(text) = String::from_utf8(bytes) {
                tree.texts.insert(path.to_owned(), text);
            }
            tree.paths.insert(path.to_owned());
        }
        tree.parse()?;
        Ok(tree)
    }

    pub(crate) fn text(&self, path: &str) -> &str {
        self.texts.get(path).map_or("", String::as_str)
    }

    /// Returns the line, from 1, where the manifest of a package names a dependency.
    pub(crate) fn dependency_line(&self, package: &Package, dependency: &str) -> usize {
        let is_entry = |line: &str| {
            let rest = line.trim_start_matches("[dependencies.").strip_prefix(dependency);
            rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=', ']']))
        };
        self.text(&manifest(package)).lines().position(is_entry).map_or(1, |index| index + 1)
    }

    fn parse(&mut self) -> Result<()> {
        let files = self.texts.iter().filter(|(path, _)| path.ends_with(".rs"));
        self.rust = files.map(|(path, text)| RustFile::parse(path, text)).collect::<Result<_>>()?;
        let modules: Vec<String> = self.rust.iter().flat_map(test_module_paths).collect();
        for file in &mut self.rust {
            let stem = file.path.trim_end_matches(".rs");
            file.test_only |= modules.iter().any(|module| {
                stem.strip_prefix(module.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let texts: BTreeMap<_, _> = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let mut tree = Self { paths: texts.keys().cloned().collect(), texts, rust: vec![] };
        tree.parse().unwrap();
        tree
    }
}

/// Returns the path of the manifest of a package.
pub(crate) fn manifest(package: &Package) -> String {
    format!("{}/Cargo.toml", package.folder)
}

/// Tells whether a file is JavaScript or TypeScript.
pub(crate) fn is_script(path: &str) -> bool {
    [".js", ".mjs", ".cjs", ".ts"].iter().any(|ending| path.ends_with(ending))
}

/// Returns the paths, without ending, of the modules that a file declares only for tests.
fn test_module_paths(file: &RustFile) -> Vec<String> {
    let stem = file.path.trim_end_matches(".rs");
    let (directory, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let parent = if matches!(name, "lib" | "main") { directory } else { stem };
    file.test_modules.iter().map(|module| format!("{parent}/{module}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_files_are_recognised_by_their_folder_or_their_declaration() {
        let tree = Tree::of(&[
            ("crates/a/src/lib.rs", "#[cfg(test)]\nmod sim;\nmod hub;"),
            ("crates/a/src/sim.rs", ""),
            ("crates/a/src/sim/net.rs", ""),
            ("crates/a/src/simple.rs", ""),
            ("crates/a/src/hub.rs", "#[cfg(test)] mod tests;"),
            ("crates/a/src/hub/tests.rs", ""),
            ("crates/a/tests/it.rs", ""),
        ]);
        let tests: Vec<_> = tree.rust.iter().filter(|file| file.test_only).map(|file| file.path.as_str()).collect();
        let expected = ["a/src/hub/tests.rs", "a/src/sim.rs", "a/src/sim/net.rs", "a/tests/it.rs"];
        assert_eq!(tests, expected.map(|path| format!("crates/{path}")));
    }

    #[test]
    fn a_dependency_is_found_by_its_whole_name() {
        let manifest = "[dependencies]\ntokio-util = \"1\"\ntokio.workspace = true\n";
        let tree = Tree::of(&[("crates/a/Cargo.toml", manifest)]);
        assert_eq!(tree.dependency_line(&Package::new("a", &[]), "tokio"), 3);
        assert_eq!(tree.dependency_line(&Package::new("a", &[]), "absent"), 1);
    }
}
