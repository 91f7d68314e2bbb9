//! The shell scripts of `deploy`: shellcheck has nothing to report.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::workspace::Workspace;
use crate::{process, tools};

pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let shellcheck = tools::install_shellcheck()?;
    // A script begins with the program that runs it, whatever its name is. git reads files it does not track too.
    let find =
        ["grep", "--untracked", "--files-with-matches", "--extended-regexp", "^#!/.*\\b(ba)?sh$", "--", "deploy"];
    let found = process::output(Command::new("git").args(find).current_dir(&workspace.root))?;
    let scripts: Vec<&str> = found.lines().collect();
    ensure!(!scripts.is_empty(), "deploy has no shell scripts");
    process::run(Command::new(shellcheck).args(&scripts).current_dir(&workspace.root))?;
    println!("shellcheck: {} files", scripts.len());
    Ok(())
}
