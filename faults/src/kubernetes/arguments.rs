//! The command line of `faults kubernetes`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::scenario::Scenario;

const USAGE: &str = "faults kubernetes --cluster <folder> [--only <scenario>]... [--short] [--seed <number>] \
                     [--repeats <number>] [--chart <folder>] [--keep] [--logs <folder>]";

/// The arguments.
#[derive(Debug)]
pub(crate) struct KubernetesArguments {
    /// The folder with the tools of a running cluster.
    pub(crate) cluster: PathBuf,
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) short: bool,
    pub(crate) seed: u64,
    pub(crate) repeats: u64,
    pub(crate) chart: PathBuf,
    /// Whether records and logs are kept of runs without violations, too.
    pub(crate) keeps: bool,
    /// The directory for these.
    pub(crate) logs: PathBuf,
}

impl KubernetesArguments {
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Self> {
        let (mut cluster, mut scenarios) = (None, Vec::new());
        let (mut short, mut keeps, mut seed, mut repeats) = (false, false, 1, 1);
        let (mut chart, mut logs) = (PathBuf::from("helm/tickcast"), PathBuf::from("target/faults/kubernetes"));
        let mut words = words.into_iter();
        while let Some(name) = words.next() {
            match name.as_str() {
                "--short" => {
                    short = true;
                    continue;
                }
                "--keep" => {
                    keeps = true;
                    continue;
                }
                _ => {}
            }
            let mut value = || words.next().with_context(|| format!("{name} needs a value\nusage: {USAGE}"));
            match name.as_str() {
                "--cluster" => cluster = Some(PathBuf::from(value()?)),
                "--only" => scenarios.push(scenario(&value()?)?),
                "--seed" => seed = value()?.parse().context("--seed takes a number")?,
                "--repeats" => repeats = value()?.parse().context("--repeats takes a number")?,
                "--chart" => chart = value()?.into(),
                "--logs" => logs = value()?.into(),
                _ => bail!("{name} is not an argument\nusage: {USAGE}"),
            }
        }
        let cluster = cluster.with_context(|| format!("--cluster is missing\nusage: {USAGE}"))?;
        if scenarios.is_empty() {
            scenarios = Scenario::ALL.to_vec();
        }
        Ok(Self { cluster, scenarios, short, seed, repeats, chart, keeps, logs })
    }
}

fn scenario(name: &str) -> Result<Scenario> {
    let found = Scenario::ALL.into_iter().find(|scenario| scenario.name() == name);
    found.with_context(|| format!("{name} is none of {}", Scenario::names()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_choice_every_scenario_is_run_once() {
        let arguments = parsed(&["--cluster", "lab"]).unwrap();
        assert_eq!((arguments.repeats, arguments.scenarios.len()), (1, Scenario::ALL.len()));
        let arguments = parsed(&["--cluster", "lab", "--only", "rollback", "--short", "--seed", "7"]).unwrap();
        assert_eq!((arguments.short, arguments.seed, &arguments.scenarios[..]), (true, 7, &[Scenario::Rollback][..]));
    }

    #[test]
    fn a_wrong_argument_is_named() {
        for (words, named) in [
            (&["--only", "rollback"][..], "--cluster is missing"),
            (&["--cluster", "lab", "--only", "nothing"], "nothing is none of rolling-upgrade"),
            (&["--cluster"], "--cluster needs a value"),
            (&["--cluster", "lab", "--seed", "x"], "--seed takes a number"),
            (&["--fast"], "--fast"),
        ] {
            let error = format!("{:#}", parsed(words).unwrap_err());
            assert!(error.contains(named), "{words:?}: {error}");
        }
    }

    fn parsed(words: &[&str]) -> Result<KubernetesArguments> {
        KubernetesArguments::parse(words.iter().map(ToString::to_string))
    }
}
