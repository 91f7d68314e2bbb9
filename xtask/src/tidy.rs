//! `cargo xtask tidy`: checks of the tree that the compiler does not make.

use std::fmt;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::workspace::Workspace;
use crate::{process, tools};
use tree::Tree;

mod directions;
mod disabled_tests;
mod length;
mod machine_paths;
mod purity;
mod retired_names;
mod rust_file;
mod tree;
mod type_names;

/// The rules of rumdl: a relative link must lead to a file, an anchor to a heading.
const LINK_RULES: &str = "MD051,MD057";

/// One violation of a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    is_warning: bool,
    message: String,
}

impl Finding {
    fn error(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, is_warning: false, message: message.into() }
    }

    fn warning(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { is_warning: true, ..Self::error(path, line, message) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.is_warning { "warning: " } else { "" };
        write!(out, "{}:{}: {severity}{}", self.path, self.line, self.message)
    }
}

/// Prints all findings; fails if one of them is an error.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut findings = findings(workspace)?;
    findings.sort();
    findings.dedup();
    for finding in &findings {
        println!("{finding}");
    }
    let warnings = findings.iter().filter(|finding| finding.is_warning).count();
    let errors = findings.len() - warnings + run_linters(workspace)?;
    println!("tidy: {errors} errors, {warnings} warnings");
    ensure!(errors == 0, "the tree is not tidy");
    Ok(())
}

fn findings(workspace: &Workspace) -> Result<Vec<Finding>> {
    let tree = Tree::read(&workspace.root)?;
    let members = &workspace.members;
    let checks = [
        directions::check(&tree, members),
        disabled_tests::check(&tree),
        length::check(&tree),
        machine_paths::check(&tree),
        purity::check(&tree),
        retired_names::check(&tree),
        type_names::check(&tree, members),
    ];
    Ok(checks.into_iter().flatten().collect())
}

/// Runs the external tools and returns how many of them fail. Each prints its own findings.
fn run_linters(workspace: &Workspace) -> Result<usize> {
    let [deny, shear, rumdl] = tools::install_linters(&workspace.target)?;
    let mut deny = Command::new(deny);
    // Advisories need the internet; `deny.toml` bans the crates that have one.
    deny.args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]);
    let mut shear = Command::new(shear);
    shear.arg("--locked");
    let mut rumdl = Command::new(rumdl);
    rumdl.args(["check", "--isolated", "--no-cache", "--enable", LINK_RULES, "."]);
    let mut failures = 0;
    for command in [&mut deny, &mut shear, &mut rumdl] {
        if let Err(error) = process::run(command.current_dir(&workspace.root)) {
            println!("{error}");
            failures += 1;
        }
    }
    Ok(failures)
}
