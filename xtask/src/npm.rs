//! npm packages, the compiler of the TypeScript library, and the tests that run on Node, some of them in a browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::tools::TestTools;

/// The package of the page's tests.
pub(crate) const CONSOLE_TESTS: &str = "console/test";

/// The package of the TypeScript library. Its tests are in its folder `test`.
pub(crate) const TYPESCRIPT: &str = "sdk/typescript";

/// The package of the React hooks, which uses the TypeScript library.
const REACT: &str = "sdk/react";

/// The application of the React hooks that a test of the page builds and opens.
const REACT_EXAMPLE: &str = "examples/react";

const TEST_FOLDERS: [&str; 3] = ["sdk/typescript/test", "sdk/react/test", CONSOLE_TESTS];

/// Options that not every supported version of Node has. A test that fails can leave a socket open, which would keep the
/// process of its file running; and files mostly wait, so two at once are faster also on two processors.
const OPTIONS: [&str; 2] = ["--test-force-exit", "--test-concurrency=2"];

/// Installs the packages of all folders with tests, and what these tests build.
pub(crate) fn install_test_packages(root: &Path, npm: &Path) -> Result<()> {
    [CONSOLE_TESTS, TYPESCRIPT, REACT, REACT_EXAMPLE].iter().try_for_each(|folder| install_packages(root, folder, npm))
}

/// Installs the packages of the lock file in a folder.
pub(crate) fn install_packages(root: &Path, folder: &str, npm: &Path) -> Result<()> {
    let directory = root.join(folder);
    ensure!(directory.join("package-lock.json").is_file(), "{folder}/package-lock.json is missing");
    if is_installed(&directory)? {
        println!("{folder}/node_modules is up to date");
        return Ok(());
    }
    let mut command = Command::new(npm);
    command.args(["ci", "--no-audit", "--no-fund"]).current_dir(&directory);
    process::run(command.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"))
}

/// Compiles the libraries into their folders `dist`, and checks the types of their example.
pub(crate) fn compile_libraries(root: &Path, node: &Path) -> Result<()> {
    compile_typescript(root, node)?;
    compile(root, REACT, node)?;
    compile(root, REACT_EXAMPLE, node)
}

/// Compiles the TypeScript library into its folder `dist`.
pub(crate) fn compile_typescript(root: &Path, node: &Path) -> Result<()> {
    compile(root, TYPESCRIPT, node)
}

fn compile(root: &Path, folder: &str, node: &Path) -> Result<()> {
    let directory = root.join(folder);
    let output = directory.join("dist");
    // The compiler does not remove the output of a module that no longer exists.
    if output.exists() {
        fs::remove_dir_all(&output)?;
    }
    process::run(Command::new(node).arg("node_modules/typescript/bin/tsc").current_dir(&directory))
}

/// Runs the tests against a binary.
pub(crate) fn run_tests(root: &Path, tools: &TestTools, binary: &Path) -> Result<()> {
    let mut files = Vec::new();
    for folder in TEST_FOLDERS {
        let found = test_files(&root.join(folder))?;
        ensure!(!found.is_empty(), "{folder} has no file *.test.mjs");
        files.extend(found);
    }
    let mut command = Command::new(&tools.node);
    let help = process::output(Command::new(&tools.node).arg("--help"))?;
    let name = |option: &&str| option.split('=').next().unwrap_or_default().to_owned();
    command.args(OPTIONS.iter().filter(|option| help.contains(&name(option))));
    // Files, because `node --test` takes no directory from Node 22 on.
    command.arg("--test").args(files).current_dir(root);
    process::run(command.env("TICKCAST_BIN", binary).envs(tools.variables.clone()))
}

/// Compares with the file that npm writes last, so that an incomplete installation does not count.
fn is_installed(directory: &Path) -> Result<bool> {
    let Ok(installed) = fs::metadata(directory.join("node_modules/.package-lock.json")) else {
        return Ok(false);
    };
    let lock = fs::metadata(directory.join("package-lock.json"))?;
    Ok(installed.modified()? >= lock.modified()?)
}

fn test_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    let is_test = |path: &PathBuf| path.to_string_lossy().ends_with(".test.mjs");
    let mut files: Vec<PathBuf> = paths.into_iter().filter(is_test).collect();
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn every_file_that_imports_the_test_runner_is_run() {
        for folder in TEST_FOLDERS {
            let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
            let mut grep = Command::new("grep");
            grep.args(["-rl", "node:test", "--exclude-dir=node_modules", "--include=*js"]).arg(&directory);
            let listed = process::output(&mut grep).unwrap();
            let mut expected: Vec<PathBuf> = listed.lines().map(PathBuf::from).collect();
            expected.sort();
            assert_eq!(test_files(&directory).unwrap(), expected);
        }
    }

    #[test]
    fn packages_older_than_the_lock_file_are_installed_again() {
        let directory = std::env::temp_dir().join(format!("xtask-npm-{}", std::process::id()));
        fs::create_dir_all(directory.join("node_modules")).unwrap();
        fs::write(directory.join("package-lock.json"), "{}").unwrap();
        assert!(!is_installed(&directory).unwrap());
        fs::write(directory.join("node_modules/.package-lock.json"), "{}").unwrap();
        assert!(is_installed(&directory).unwrap());
        let lock = File::options().append(true).open(directory.join("package-lock.json")).unwrap();
        let later = SystemTime::now() + Duration::from_secs(60);
        lock.set_times(FileTimes::new().set_modified(later)).unwrap();
        assert!(!is_installed(&directory).unwrap());
        fs::remove_dir_all(&directory).unwrap();
    }
}
