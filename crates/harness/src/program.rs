//! Where programs are that tests start.

use std::env;
use std::path::PathBuf;

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
