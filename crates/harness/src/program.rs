//! Programs that tests start: where they are, and that they end with the test.

use std::env;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Finds a program: where its variable says, else on the search path, where `cargo xtask test` installs it, or
/// where Debian keeps what only root has on the path.
///
/// # Panics
/// If it is nowhere: a test that can't run must not pass.
pub fn program(name: &str, variable: &str) -> PathBuf {
    if let Some(path) = env::var_os(variable).filter(|path| !path.is_empty()) {
        return path.into();
    }
    let test = env::current_exe().unwrap();
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).map(|folder| folder.join(name));
    let tools = test.ancestors().map(|folder| folder.join("tools").join(name));
    let mut candidates = places.chain(tools).chain([PathBuf::from("/usr/sbin").join(name)]);
    let found = candidates.find(|candidate| candidate.is_file());
    found.unwrap_or_else(|| panic!("{name} is not installed; `cargo xtask test` does that, or {variable} names it"))
}

/// A program that runs until this is dropped.
pub struct Running(Child);

impl Running {
    /// Starts it, without input.
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
