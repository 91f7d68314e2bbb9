//! `cargo xtask tidy`: what we ask of the tree beyond what the compiler does.

use std::path::Path;

use anyhow::{Result, bail};

use crate::cargo;
use finding::{Finding, Severity};
use tree::Tree;

mod banned;
mod direction;
mod finding;
mod leftovers;
mod length;
mod licences;
mod links;
mod machine_paths;
mod names;
mod purity;
mod spdx;
mod tree;
mod unused;

/// Prints every finding; an error among them is our error.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut findings = findings(root)?;
    findings.sort();
    findings.dedup();
    for finding in &findings {
        println!("{finding}");
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = findings.len() - errors;
    println!("tidy: {errors} errors, {warnings} warnings");
    if errors > 0 {
        bail!("the tree is not tidy");
    }
    Ok(())
}

fn findings(root: &Path) -> Result<Vec<Finding>> {
    let tree = Tree::read(root)?;
    let members = cargo::members(root)?;
    let packages = cargo::everything(root)?;
    let checks = [
        length::check(&tree),
        names::check(&tree),
        direction::check(&tree, &members),
        purity::check(&tree, &members),
        unused::check(&tree, &members),
        licences::check(&tree, &packages),
        banned::check(&tree),
        links::check(&tree),
        leftovers::check(&tree),
        machine_paths::check(&tree),
    ];
    Ok(checks.into_iter().flatten().collect())
}
