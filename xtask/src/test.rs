//! `cargo xtask test`: what the tests need, then every test.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::steps::Steps;
use crate::{cargo, faults, node, process, tools};

pub(crate) fn run(root: &Path, steps: &mut Steps, arguments: &[String]) -> Result<()> {
    let tools = steps.run("tools", || tools::provide(&cargo::target_directory(root)?))?;
    steps.run("npm packages", || node::install_test_packages(root, &tools))?;
    steps.run("cargo test --workspace", || {
        let mut command = cargo::command(root);
        command.env("HAPROXY", &tools.haproxy).env("NGINX", &tools.nginx).env("ENVOY", &tools.envoy);
        command.env("VALKEY_SERVER", &tools.valkey).env("ROTEL", &tools.rotel);
        command.env("PROMETHEUS", &tools.prometheus).env("PROMTOOL", &tools.promtool);
        process::run(command.args(["test", "--workspace"]).args(arguments))
    })?;
    if !arguments.is_empty() {
        // All the tests have built these; some need not have.
        for package in ["gateway", "faults"] {
            let build = ["build", "-p", package];
            steps.run(&format!("cargo {}", build.join(" ")), || process::run(cargo::command(root).args(build)))?;
        }
    }
    steps.run("node --test", || {
        let binary = cargo::target_directory(root)?.join("debug/tickcast");
        ensure!(binary.is_file(), "the gateway was built, but not as {}", binary.display());
        node::run_tests(root, &tools, &binary)
    })?;
    faults::run_short(root, steps)
}
