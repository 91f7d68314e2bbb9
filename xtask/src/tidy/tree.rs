//! The files that git tracks or would track, read once for all checks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::source::Source;

/// Every path is relative to the root, with `/`.
#[derive(Default)]
pub(crate) struct Tree {
    /// All files, also those that are not text.
    pub(crate) paths: BTreeSet<String>,
    pub(crate) texts: BTreeMap<String, String>,
    pub(crate) rust: Vec<RustFile>,
}

pub(crate) struct RustFile {
    pub(crate) path: String,
    pub(crate) source: Source,
    /// The whole file is compiled for tests only.
    pub(crate) test_only: bool,
}

impl Tree {
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let listed = process::output(Command::new("git").args(arguments).current_dir(root))
            .context("tidy looks at the files that git knows")?;
        let mut tree = Self::default();
        for path in listed.split_terminator('\0') {
            // Git still lists what was deleted a moment ago, and submodules.
            if !root.join(path).is_file() {
                continue;
            }
            let bytes = fs::read(root.join(path)).with_context(|| format!("cannot read {path}"))?;
            if let Ok(text) = String::from_utf8(bytes) {
                tree.texts.insert(path.to_owned(), text);
            }
            tree.paths.insert(path.to_owned());
        }
        tree.parse();
        Ok(tree)
    }

    pub(crate) fn text(&self, path: &str) -> &str {
        self.texts.get(path).map_or("", String::as_str)
    }

    /// The line, from 1, where the manifest of a package names a dependency.
    pub(crate) fn dependency_line(&self, manifest: &str, dependency: &str) -> usize {
        let names_it = |line: &str| {
            let rest = line.trim_start_matches("[dependencies.").strip_prefix(dependency);
            rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=', ']']))
        };
        self.text(manifest).lines().position(names_it).map_or(1, |index| index + 1)
    }

    /// The line, from 1, where the lock file names this version of a package.
    pub(crate) fn lock_line(&self, name: &str, version: &str) -> usize {
        let (name, version) = (format!("name = \"{name}\""), format!("version = \"{version}\""));
        let lines: Vec<&str> = self.text("Cargo.lock").lines().collect();
        lines.windows(2).position(|pair| pair == [&name, &version]).map_or(1, |index| index + 1)
    }

    fn parse(&mut self) {
        let files = self.texts.iter().filter(|(path, _)| path.ends_with(".rs"));
        self.rust = files
            .map(|(path, text)| RustFile {
                path: path.clone(),
                source: Source::new(text),
                test_only: format!("/{path}").contains("/tests/"),
            })
            .collect();
        let modules: Vec<String> = self.rust.iter().flat_map(RustFile::test_modules).collect();
        for file in &mut self.rust {
            let stem = file.path.trim_end_matches(".rs");
            file.test_only |= modules.iter().any(|module| {
                stem.strip_prefix(module.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
        }
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let own = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        let texts: BTreeMap<_, _> = files.iter().map(own).collect();
        let mut tree = Self { paths: texts.keys().cloned().collect(), texts, rust: vec![] };
        tree.parse();
        tree
    }
}

impl RustFile {
    pub(crate) fn is_test(&self, at: usize) -> bool {
        self.test_only || self.source.in_test(at)
    }

    /// Paths, without the ending, of the modules that this file declares for tests only.
    fn test_modules(&self) -> Vec<String> {
        let stem = self.path.trim_end_matches(".rs");
        let (directory, name) = stem.rsplit_once('/').unwrap_or(("", stem));
        let home = if matches!(name, "lib" | "main") { directory } else { stem };
        self.source.test_modules().iter().map(|module| format!("{home}/{module}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_files_are_known_by_their_folder_or_their_declaration() {
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
        let tree = Tree::of(&[("Cargo.toml", "[dependencies]\ntokio-util = \"1\"\ntokio.workspace = true\n")]);
        assert_eq!(tree.dependency_line("Cargo.toml", "tokio"), 3);
        assert_eq!(tree.dependency_line("Cargo.toml", "absent"), 1);
    }

    #[test]
    fn a_locked_package_is_found_by_name_and_version() {
        let tree = Tree::of(&[("Cargo.lock", "name = \"a\"\nversion = \"1\"\n\nname = \"a\"\nversion = \"2\"\n")]);
        assert_eq!(tree.lock_line("a", "2"), 4);
    }
}
