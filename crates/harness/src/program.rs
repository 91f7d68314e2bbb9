//! Programs that tests run: their location, and processes that end with the test.

use std::env;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Finds a program: at the path in its environment variable, else on the search path, in the directory where
/// `cargo xtask test` installs tools, or in `/usr/sbin`.
///
/// # Panics
/// If it is not found: a test that can't run must not pass.
pub fn program(name: &str, variable: &str) -> PathBuf {
    if let Some(path) = env::var_os(variable).filter(|path| !path.is_empty()) {
        return path.into();
    }
    let test = env::current_exe().unwrap();
    let path = env::var_os("PATH").unwrap_or_default();
    let paths = env::split_paths(&path).map(|folder| folder.join(name));
    let tools = test.ancestors().map(|folder| folder.join("tools").join(name));
    let mut candidates = paths.chain(tools).chain([PathBuf::from("/usr/sbin").join(name)]);
    let found = candidates.find(|candidate| candidate.is_file());
    found.unwrap_or_else(|| {
        panic!("{name} is not installed; run `cargo xtask test` to install it, or set {variable} to its path")
    })
}

/// A process that is killed when this is dropped.
pub struct Running(Child);

impl Running {
    /// Starts the process, without input.
    ///
    /// # Panics
    /// If it can't be started.
    pub fn start(command: &mut Command) -> Self {
        let process = command.stdin(Stdio::null()).spawn();
        Self(process.unwrap_or_else(|error| panic!("{command:?}: {error}; `cargo xtask test` installs what it needs")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
