//! `cargo xtask faults`: the fault suite against a build of this tree.

use std::process::Command;

use anyhow::Result;

use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{process, tools};

/// Selects the short form, which is a part of the tests.
const SHORT: &str = "--short";

pub(crate) fn run(workspace: &Workspace, steps: &mut Steps, arguments: &[String]) -> Result<()> {
    steps.run("tools", tools::install_for_faults)?;
    // The full form tests the release build, which users run.
    let is_short = arguments.iter().any(|argument| argument == SHORT);
    let (profile, folder) = if is_short { ("dev", "debug") } else { ("release", "release") };
    workspace.build(steps, profile, &["gateway", "faults"])?;
    run_built(workspace, steps, folder, arguments)
}

/// Runs the short form, in which every fault occurs once, with the binaries of the test build.
pub(crate) fn run_short(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    run_built(workspace, steps, "debug", &[SHORT.to_owned()])
}

fn run_built(workspace: &Workspace, steps: &mut Steps, folder: &str, arguments: &[String]) -> Result<()> {
    let binaries = workspace.target.join(folder);
    let heading = [&["faults".to_owned()], arguments].concat().join(" ");
    steps.run(&heading, || {
        let mut suite = Command::new(binaries.join("faults"));
        suite.args(arguments).arg("--logs").arg(workspace.target.join("faults"));
        suite.env("TICKCAST_BIN", binaries.join("tickcast")).current_dir(&workspace.root);
        process::run(&mut suite)
    })
}
