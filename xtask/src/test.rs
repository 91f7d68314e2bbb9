//! `cargo xtask test`: installs the tools of the tests, then runs every test.

use std::{env, thread};

use anyhow::{Result, ensure};

use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{faults, npm, process, tools};

/// Tests mostly wait for ticks, timeouts and child processes.
const TESTS_PER_PROCESSOR: usize = 2;

pub(crate) fn run(workspace: &Workspace, steps: &mut Steps, arguments: &[String]) -> Result<()> {
    let tools = steps.run("tools", || tools::install_for_tests(&workspace.target))?;
    steps.run("npm packages", || npm::install_test_packages(&workspace.root, &tools.npm))?;
    steps.run("TypeScript libraries", || npm::compile_libraries(&workspace.root, &tools.node))?;
    steps.run("cargo test --workspace", || {
        let mut command = workspace.cargo(&["test", "--workspace"]);
        command.envs(tools.variables.clone());
        if env::var_os("RUST_TEST_THREADS").is_none() {
            let threads = thread::available_parallelism()?.get() * TESTS_PER_PROCESSOR;
            command.env("RUST_TEST_THREADS", threads.to_string());
        }
        process::run(command.args(arguments))
    })?;
    if !arguments.is_empty() {
        // A full test run has built these binaries; a partial one may not have.
        workspace.build(steps, "dev", &["gateway", "faults"])?;
    }
    steps.run("node --test", || {
        let binary = workspace.target.join("debug/tickcast");
        ensure!(binary.is_file(), "the build of the gateway made no {}", binary.display());
        npm::run_tests(&workspace.root, &tools, &binary)
    })?;
    faults::run_short(workspace, steps)
}
