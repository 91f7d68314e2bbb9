//! `cargo xtask fuzz`: every parser is fed with nonsense that grows out of what is kept in `fuzz/corpus`.

mod corpus;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::steps::Steps;
use crate::{cargo, process, tools};

/// The version that the targets are built with.
const CARGO_FUZZ: &str = "0.13.2";

/// How long each parser is fed, unless told otherwise.
const SECONDS: u32 = 60;

/// Longest input, bytes; longer ones find nothing that these do not.
const INPUT_MAX: usize = 4096;

/// What is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    seconds: u32,
    only: Option<String>,
}

impl Wanted {
    pub(crate) fn parse(mut rest: &[String]) -> Result<Self, String> {
        let mut wanted = Self { seconds: SECONDS, only: None };
        while let [option, value, after @ ..] = rest {
            match option.as_str() {
                "--seconds" => {
                    wanted.seconds = value.parse().map_err(|_| format!("`{value}` is no number of seconds"))?;
                }
                "--only" => wanted.only = Some(value.clone()),
                _ => break,
            }
            rest = after;
        }
        match rest.first() {
            None => Ok(wanted),
            Some(extra) => Err(format!("`fuzz` takes `--seconds <number>` and `--only <target>`, not `{extra}`")),
        }
    }
}

pub(crate) fn run(root: &Path, steps: &mut Steps, wanted: &Wanted) -> Result<()> {
    steps.run("tools", tools::provide_for_fuzz)?;
    let program = steps.run("cargo-fuzz", || provide(root))?;
    let fuzz = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        // Its flags are those of a nightly compiler, which the usual one takes as well if it is told so.
        command.current_dir(root).env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTUP_TOOLCHAIN");
        command.arg("fuzz").args(arguments);
        command
    };
    let targets = process::output(&mut fuzz(&["list"]))?;
    let is_wanted = |target: &&str| wanted.only.as_deref().is_none_or(|only| only == *target);
    let targets: Vec<&str> = targets.lines().filter(is_wanted).collect();
    if targets.is_empty() {
        bail!("there is no target {}", wanted.only.as_deref().unwrap_or("at all"));
    }
    let unpacked = cargo::target_directory(root)?.join("fuzz-corpus");
    for target in targets {
        steps.run(&format!("fuzz {target}"), || {
            let packed = root.join("fuzz/corpus").join(format!("{target}.txt"));
            let inputs = unpacked.join(target);
            corpus::unpack(&packed, &inputs)?;
            let folder = inputs.to_str().context("the target folder has a name that is no text")?;
            // Nothing of ours is unsafe, and without a sanitizer more is tried.
            let mut run = fuzz(&["run", "--sanitizer", "none", target, folder, "--"]);
            run.args([format!("-max_total_time={}", wanted.seconds), format!("-max_len={INPUT_MAX}")]);
            run.args(["-timeout=10", "-rss_limit_mb=2048", "-verbosity=0", "-print_final_stats=1"]);
            process::run(&mut run)?;
            process::run(&mut fuzz(&["cmin", "--sanitizer", "none", target, folder, "--", "-verbosity=0"]))?;
            corpus::pack(&inputs, &packed)
        })?;
    }
    Ok(())
}

/// Installs cargo-fuzz into the target folder, if it is not there.
fn provide(root: &Path) -> Result<PathBuf> {
    let folder = cargo::target_directory(root)?.join("tools/cargo-fuzz");
    let program = folder.join("bin/cargo-fuzz");
    let version = || process::output(Command::new(&program).args(["fuzz", "--version"]));
    if !version().is_ok_and(|version| version.contains(CARGO_FUZZ)) {
        let install = ["install", "--locked", "--force", "cargo-fuzz", "--version", CARGO_FUZZ, "--root"];
        process::run(cargo::command(root).args(install).arg(&folder))?;
    }
    println!("{}", version().context("cargo-fuzz was installed but does not run")?.trim());
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Wanted, String> {
        Wanted::parse(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn a_target_and_a_time_may_be_named_and_nothing_else() {
        assert_eq!(parsed(&[]), Ok(Wanted { seconds: SECONDS, only: None }));
        let both = Ok(Wanted { seconds: 5, only: Some("csv".to_owned()) });
        assert_eq!(parsed(&["--only", "csv", "--seconds", "5"]), both);
        for wrong in [&["csv"][..], &["--seconds"], &["--seconds", "x"], &["--only", "csv", "more"]] {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
    }
}
