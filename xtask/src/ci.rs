//! `cargo xtask ci`: every check of continuous integration, cheapest first.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{api_lint, codegen, deployment, guide, process, test, tidy};

pub(crate) fn run(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    let cargo = |arguments: &[&str]| process::run(&mut workspace.cargo(arguments));
    steps.run("Cargo.lock is up to date", || check_lock_files(workspace))?;
    steps.run("cargo fmt", || {
        install_component(workspace, "rustfmt", "fmt")?;
        cargo(&["fmt", "--all", "--check"])
    })?;
    steps.run("cargo clippy", || {
        install_component(workspace, "clippy", "clippy")?;
        cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
        // Code that only the conformance and fuzz suites build.
        let packages = ["clippy", "-p", "net", "-p", "access", "-p", "gateway", "--all-targets", "--features"];
        let features = ["net/conformance,net/fuzzing,access/fuzzing,gateway/fuzzing", "--", "-D", "warnings"];
        cargo(&[&packages[..], &features[..]].concat())
    })?;
    steps.run("cargo doc", || {
        let mut command = workspace.cargo(&["doc", "--workspace", "--no-deps"]);
        process::run(command.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    // The other steps compile the package; this one finds what it would lack outside of the workspace.
    let package = ["package", "-p", "tickcast-client", "--no-verify", "--allow-dirty", "--offline"];
    steps.run("cargo package tickcast-client", || cargo(&package))?;
    steps.run("tidy", || tidy::run(workspace))?;
    guide::run(workspace, steps)?;
    api_lint::run(workspace, steps)?;
    deployment::run(workspace, steps)?;
    steps.run("TypeScript library in the page", || codegen::check_typescript(workspace))?;
    test::run(workspace, steps, &[])
}

fn check_lock_files(workspace: &Workspace) -> Result<()> {
    for manifest in ["Cargo.toml", "fuzz/Cargo.toml"] {
        let arguments = ["metadata", "--format-version", "1", "--locked", "--manifest-path", manifest];
        process::output(&mut workspace.cargo(&arguments)).with_context(|| {
            format!("if the lock file is out of date, run `cargo metadata` on {manifest} and commit its Cargo.lock")
        })?;
    }
    Ok(())
}

fn install_component(workspace: &Workspace, component: &str, subcommand: &str) -> Result<()> {
    let version = || process::output(&mut workspace.cargo(&[subcommand, "--version"]));
    if version().is_ok() {
        return Ok(());
    }
    ensure!(
        process::find("rustup").is_some(),
        "`cargo {subcommand}` is missing and there is no rustup to add it: install {component} as you installed Rust"
    );
    process::run(Command::new("rustup").args(["component", "add", component]).current_dir(&workspace.root))?;
    version()
        .with_context(|| format!("`cargo {subcommand}` does not run even after `rustup component add {component}`"))?;
    Ok(())
}
