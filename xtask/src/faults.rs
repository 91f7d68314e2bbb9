//! `cargo xtask faults`: the fault suite against a build of this tree.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::steps::Steps;
use crate::{cargo, process, tools};

/// Asks for the form that is a part of the tests.
const SHORT: &str = "--short";

pub(crate) fn run(root: &Path, steps: &mut Steps, arguments: &[String]) -> Result<()> {
    steps.run("tools", tools::provide_for_faults)?;
    // The full form is for what users run.
    let is_short = arguments.iter().any(|argument| argument == SHORT);
    let (profile, folder) = if is_short { ("dev", "debug") } else { ("release", "release") };
    // One after the other, as together they would be built with the union of their features, all anew.
    for package in ["gateway", "faults"] {
        let build = ["build", "--profile", profile, "-p", package];
        steps.run(&format!("cargo {}", build.join(" ")), || process::run(cargo::command(root).args(build)))?;
    }
    run_built(root, steps, folder, arguments)
}

/// Runs the short form, in which every fault strikes once, with what all the tests have built.
pub(crate) fn run_short(root: &Path, steps: &mut Steps) -> Result<()> {
    run_built(root, steps, "debug", &[SHORT.to_owned()])
}

fn run_built(root: &Path, steps: &mut Steps, folder: &str, arguments: &[String]) -> Result<()> {
    let target = cargo::target_directory(root)?;
    let folder = target.join(folder);
    let words = [&["faults".to_owned()], arguments].concat();
    steps.run(&words.join(" "), || {
        let mut suite = Command::new(folder.join("faults"));
        suite.args(arguments).arg("--logs").arg(target.join("faults")).env("TICKCAST_BIN", folder.join("tickcast"));
        process::run(suite.current_dir(root))
    })
}
