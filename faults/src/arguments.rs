//! The command line.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::fault::Fault;

const USAGE: &str = "cargo xtask faults [--short] [--seed <number>] [--only <fault>] [--repeats <number>]";

/// Repeats of each fault in the full form.
const REPEATS: u64 = 3;

/// The arguments of the suite.
pub(crate) struct Arguments {
    pub(crate) short: bool,
    pub(crate) seed: u64,
    pub(crate) faults: Vec<Fault>,
    pub(crate) repeats: u64,
    /// The directory for logs of runs with violations.
    pub(crate) logs: PathBuf,
}

impl Arguments {
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Self> {
        let (mut short, mut seed, mut repeats) = (false, 1, None);
        let (mut faults, mut logs) = (Vec::new(), PathBuf::from("target/faults"));
        let mut words = words.into_iter();
        while let Some(name) = words.next() {
            if name == "--short" {
                short = true;
                continue;
            }
            let mut value = || words.next().with_context(|| format!("{name} needs a value\nusage: {USAGE}"));
            match name.as_str() {
                "--seed" => seed = value()?.parse().context("--seed takes a number")?,
                "--repeats" => repeats = Some(value()?.parse().context("--repeats takes a number")?),
                "--only" => faults.push(fault(&value()?)?),
                "--logs" => logs = value()?.into(),
                _ => bail!("{name} is not an argument\nusage: {USAGE}"),
            }
        }
        if faults.is_empty() {
            faults = Fault::ALL.to_vec();
        }
        Ok(Self { short, seed, faults, repeats: repeats.unwrap_or(if short { 1 } else { REPEATS }), logs })
    }
}

fn fault(name: &str) -> Result<Fault> {
    let names = || Fault::ALL.map(Fault::name).join(", ");
    Fault::ALL.into_iter().find(|fault| fault.name() == name).with_context(|| format!("{name} is none of {}", names()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_arguments_every_fault_is_repeated() {
        let arguments = parsed(&[]).unwrap();
        assert_eq!((arguments.short, arguments.repeats, arguments.faults.len()), (false, REPEATS, Fault::ALL.len()));
    }

    #[test]
    fn a_run_is_repeated_by_its_fault_and_seed() {
        let arguments = parsed(&["--short", "--only", "kill-node", "--seed", "7", "--repeats", "2"]).unwrap();
        assert_eq!((arguments.short, arguments.seed, arguments.repeats), (true, 7, 2));
        assert_eq!(arguments.faults, [Fault::KillNode]);
    }

    #[test]
    fn unknown_arguments_are_errors() {
        for words in [&["--only", "nothing"][..], &["--seed"], &["--seed", "x"], &["--fast"]] {
            assert!(parsed(words).is_err(), "{words:?}");
        }
    }

    fn parsed(words: &[&str]) -> Result<Arguments> {
        Arguments::parse(words.iter().map(ToString::to_string))
    }
}
