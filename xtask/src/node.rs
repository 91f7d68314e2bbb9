//! The tests in `console/test`, which run on Node and in a browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::tools::Tools;

const TESTS: &str = "console/test";

pub(crate) fn install_test_packages(root: &Path, tools: &Tools) -> Result<()> {
    install_packages(root, TESTS, &tools.npm)
}

/// Installs what the lock file in a folder names.
pub(crate) fn install_packages(root: &Path, folder: &str, npm: &Path) -> Result<()> {
    let directory = root.join(folder);
    let lock = directory.join("package-lock.json");
    ensure!(lock.is_file(), "{folder}/package-lock.json is missing");
    if is_installed(&directory)? {
        println!("{folder}/node_modules is up to date");
        return Ok(());
    }
    let mut command = Command::new(npm);
    command.args(["ci", "--no-audit", "--no-fund"]).current_dir(&directory);
    process::run(command.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"))
}

/// Runs the tests against this binary.
pub(crate) fn run_tests(root: &Path, tools: &Tools, binary: &Path) -> Result<()> {
    let mut files = Vec::new();
    collect(&root.join(TESTS), &mut files)?;
    files.sort();
    ensure!(!files.is_empty(), "no file in {TESTS} imports `node:test`");
    let mut command = Command::new(&tools.node);
    // Files, because from Node 22 on `node --test` takes no directory.
    command.arg("--test").args(files).current_dir(root);
    process::run(command.env("TICKCAST_BIN", binary).env("CHROMIUM", &tools.chromium))
}

/// npm writes this file last, so half an installation does not count.
fn is_installed(directory: &Path) -> Result<bool> {
    let Ok(installed) = fs::metadata(directory.join("node_modules/.package-lock.json")) else {
        return Ok(false);
    };
    let lock = fs::metadata(directory.join("package-lock.json"))?;
    Ok(installed.modified()? >= lock.modified()?)
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "node_modules") {
                collect(&path, files)?;
            }
        } else if is_test(&path)? {
            files.push(path);
        }
    }
    Ok(())
}

fn is_test(path: &Path) -> Result<bool> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    if !matches!(extension, Some("js" | "mjs" | "cjs")) {
        return Ok(false);
    }
    Ok(fs::read_to_string(path)?.contains("node:test"))
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn only_files_that_import_the_runner_are_tests() {
        let directory = Scratch::new("collect");
        directory.write("page.test.mjs", "import test from 'node:test';");
        directory.write("deep/socket.js", "import { test } from \"node:test\";");
        directory.write("server.js", "export const port = 1;");
        directory.write("node_modules/dependency/test.js", "require('node:test')");
        let mut files = Vec::new();
        collect(&directory.0, &mut files).unwrap();
        files.sort();
        let expected = ["deep/socket.js", "page.test.mjs"].map(|name| directory.0.join(name));
        assert_eq!(files, expected);
    }

    #[test]
    fn packages_older_than_the_lock_file_are_installed_again() {
        let directory = Scratch::new("fresh");
        directory.write("package-lock.json", "{}");
        assert!(!is_installed(&directory.0).unwrap());
        directory.write("node_modules/.package-lock.json", "{}");
        assert!(is_installed(&directory.0).unwrap());
        let lock = File::options().append(true).open(directory.0.join("package-lock.json")).unwrap();
        let later = SystemTime::now() + Duration::from_secs(60);
        lock.set_times(FileTimes::new().set_modified(later)).unwrap();
        assert!(!is_installed(&directory.0).unwrap());
    }

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
