//! `cargo xtask fuzz`: every parser gets random inputs, derived from those in `fuzz/corpus`.

mod corpus;

use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{process, tools};

/// Longest input in bytes; longer inputs find nothing more.
const INPUT_MAX: usize = 4096;

#[derive(Debug, PartialEq, Eq, Args)]
pub(crate) struct Options {
    /// How long each parser is fuzzed
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Fuzz only this target
    #[arg(long, value_name = "TARGET")]
    only: Option<String>,
}

pub(crate) fn run(workspace: &Workspace, steps: &mut Steps, options: &Options) -> Result<()> {
    let program = steps.run("tools", || tools::install_for_fuzz(&workspace.target))?;
    let fuzz = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        // cargo-fuzz passes flags of a nightly compiler, which the stable one accepts with this variable.
        command.current_dir(&workspace.root).env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTUP_TOOLCHAIN");
        command.arg("fuzz").args(arguments);
        command
    };
    let targets = process::output(&mut fuzz(&["list"]))?;
    let is_selected = |target: &&str| options.only.as_deref().is_none_or(|only| only == *target);
    let targets: Vec<&str> = targets.lines().filter(is_selected).collect();
    ensure!(!targets.is_empty(), "there is no target {}", options.only.as_deref().unwrap_or("at all"));
    for target in targets {
        steps.run(&format!("fuzz {target}"), || {
            let packed = workspace.root.join("fuzz/corpus").join(format!("{target}.txt"));
            let folder = workspace.target.join("fuzz-corpus").join(target);
            corpus::unpack(&packed, &folder)?;
            let inputs = folder.to_str().context("the path of the target folder is not UTF-8")?;
            // The project has no unsafe code, and without a sanitizer the fuzzer tries more inputs.
            let mut run = fuzz(&["run", "--sanitizer", "none", target, inputs, "--"]);
            run.args([format!("-max_total_time={}", options.seconds), format!("-max_len={INPUT_MAX}")]);
            run.args(["-timeout=10", "-rss_limit_mb=2048", "-verbosity=0", "-print_final_stats=1"]);
            process::run(&mut run)?;
            process::run(&mut fuzz(&["cmin", "--sanitizer", "none", target, inputs, "--", "-verbosity=0"]))?;
            corpus::pack(&folder, &packed)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn the_time_and_one_target_are_options() {
        assert_eq!(parsed(&[]), Some(Options { seconds: 60, only: None }));
        let both = Options { seconds: 5, only: Some("csv".to_owned()) };
        assert_eq!(parsed(&["--only", "csv", "--seconds", "5"]), Some(both));
        for wrong in [&["csv"][..], &["--seconds"], &["--seconds", "x"], &["--only", "csv", "more"]] {
            assert_eq!(parsed(wrong), None, "{wrong:?}");
        }
    }

    fn parsed(arguments: &[&str]) -> Option<Options> {
        Cli::try_parse_from(["fuzz"].iter().chain(arguments)).ok().map(|cli| cli.options)
    }
}
