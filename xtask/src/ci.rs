//! `cargo xtask ci`: everything the server checks, cheapest first.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::steps::Steps;
use crate::{cargo, process, test, tidy};

pub(crate) fn run(root: &Path, steps: &mut Steps) -> Result<()> {
    steps.run("Cargo.lock is up to date", || check_lock(root))?;
    steps.run("cargo fmt", || {
        provide_component(root, "rustfmt", "fmt")?;
        process::run(cargo::command(root).args(["fmt", "--all", "--check"]))
    })?;
    steps.run("cargo clippy", || {
        provide_component(root, "clippy", "clippy")?;
        let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        process::run(cargo::command(root).args(arguments))?;
        // What only the suites that test it are built with.
        let further = ["clippy", "-p", "gateway", "--all-targets", "--features", "conformance,fuzzing"];
        process::run(cargo::command(root).args(further).args(["--", "-D", "warnings"]))
    })?;
    steps.run("cargo doc", || {
        let mut command = cargo::command(root);
        command.args(["doc", "--workspace", "--no-deps"]);
        process::run(command.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    steps.run("tidy", || tidy::run(root))?;
    test::run(root, steps, &[])
}

fn check_lock(root: &Path) -> Result<()> {
    let metadata = ["metadata", "--format-version", "1", "--locked", "--manifest-path"];
    for manifest in ["Cargo.toml", "fuzz/Cargo.toml"] {
        process::output(cargo::command(root).args(metadata).arg(manifest))
            .with_context(|| format!("run `cargo metadata` on {manifest} and commit its Cargo.lock, if that is why"))?;
    }
    Ok(())
}

fn provide_component(root: &Path, component: &str, subcommand: &str) -> Result<()> {
    let runs = || process::output(cargo::command(root).args([subcommand, "--version"]));
    if runs().is_ok() {
        return Ok(());
    }
    ensure!(
        process::find("rustup").is_some(),
        "`cargo {subcommand}` is missing and there is no rustup to add it: install {component} as you installed Rust"
    );
    process::run(Command::new("rustup").args(["component", "add", component]).current_dir(root))?;
    runs()
        .with_context(|| format!("`cargo {subcommand}` does not run even after `rustup component add {component}`"))?;
    Ok(())
}
