//! `cargo xtask kubernetes`: a Kubernetes cluster of several nodes on this machine, and Tickcast in it.

mod addons;
mod archive;
mod checks;
mod credentials;
mod folders;
mod go_module;
mod host;
mod images;
mod interrupt;
mod kubectl;
mod programs;
mod test_cluster;
mod test_namespace;

use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};

use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{process, tools};
use folders::Folders;
use images::Images;
use interrupt::Interrupt;
use kubectl::Kubectl;
use test_namespace::Environment;

#[derive(Debug, PartialEq, Eq, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct KubernetesOptions {
    #[command(subcommand)]
    action: Option<Action>,
    /// Leave the cluster running; `cargo xtask kubernetes down` ends it
    #[arg(long)]
    keep: bool,
    /// Use the cluster that is running, with the images it has, and leave it running
    #[arg(long)]
    reuse: bool,
    /// Run only this check of the installation or scenario of the fault suite; can be repeated
    #[arg(long, value_name = "SCENARIO")]
    only: Vec<String>,
    /// Run the scenarios with fewer clients
    #[arg(long)]
    short: bool,
}

#[derive(Debug, PartialEq, Eq, Subcommand)]
enum Action {
    /// Start the cluster with the images in it, and leave it running
    Up,
    /// End the cluster
    Down,
}

pub(crate) fn run(workspace: &Workspace, steps: &mut Steps, options: &KubernetesOptions) -> Result<()> {
    let folders = &Folders::new(workspace)?;
    require_root()?;
    if options.action == Some(Action::Down) {
        return steps.run("cluster down", || test_cluster::stop(folders));
    }
    let interrupt = &Interrupt::register()?;
    let run = Run { workspace, folders, interrupt, options };
    if options.reuse {
        let is_running = folders.cluster.join("kubectl").is_file();
        ensure!(is_running, "no cluster is running: start one with `cargo xtask kubernetes up`");
        return run.test(steps);
    }
    let images = run.prepare(steps)?;
    let outcome = run.start(steps, &images).and_then(|()| run.test(steps));
    if options.keep || (options.action == Some(Action::Up) && outcome.is_ok()) {
        println!(
            "\nThe cluster is left running; {0} has `kubectl`, `helm`, `in` and `ctr`.",
            folders.cluster.display()
        );
        return outcome;
    }
    let stopped = steps.run("cluster down", || test_cluster::stop(folders));
    outcome.and(stopped)
}

/// One run of the command.
struct Run<'a> {
    workspace: &'a Workspace,
    folders: &'a Folders,
    interrupt: &'a Interrupt,
    options: &'a KubernetesOptions,
}

impl Run<'_> {
    /// Builds everything that the cluster runs.
    fn prepare(&self, steps: &mut Steps) -> Result<Images> {
        steps.run("tools", tools::install_for_kubernetes)?;
        steps.run("programs of Kubernetes", || programs::build(self.folders))?;
        let packages: &[&str] = if self.needs_suite() { &["gateway", "faults"] } else { &["gateway"] };
        self.workspace.build(steps, "release", packages)?;
        images::create(self.workspace, steps, self.folders)
    }

    fn start(&self, steps: &mut Steps, images: &Images) -> Result<()> {
        self.interrupt.check()?;
        steps.run("cluster up", || test_cluster::start(self.folders, images, self.interrupt))
    }

    /// Runs the selected checks and scenarios, or all if none is selected.
    fn test(&self, steps: &mut Steps) -> Result<()> {
        if self.options.action.is_some() {
            return Ok(());
        }
        let (checks, scenarios) = self.selection();
        let everything = self.options.only.is_empty();
        if everything || !checks.is_empty() {
            let environment = Environment::new(self.workspace, self.folders, self.interrupt);
            checks::run(&environment, steps, &checks)?;
        }
        if self.needs_suite() {
            steps.run("scenarios", || self.run_scenarios(&scenarios))?;
        }
        Ok(())
    }

    /// Returns the selected checks, and the selected scenarios, whose names only the fault suite knows.
    fn selection(&self) -> (Vec<String>, Vec<String>) {
        self.options.only.iter().cloned().partition(|name| checks::exists(name))
    }

    fn needs_suite(&self) -> bool {
        self.options.action.is_none() && (self.options.only.is_empty() || !self.selection().1.is_empty())
    }

    /// Runs the scenarios of the fault suite in the network of node 1.
    fn run_scenarios(&self, only: &[String]) -> Result<()> {
        let suite = self.workspace.target.join("release/faults");
        let mut command = Kubectl::new(self.folders).inside(folders::text(&suite)?);
        command.args(["kubernetes", "--cluster"]).arg(&self.folders.cluster).current_dir(&self.workspace.root);
        for name in only {
            command.args(["--only", name]);
        }
        if self.options.short {
            command.arg("--short");
        }
        self.interrupt.run("the fault suite", &mut command)
    }
}

/// Namespaces, mounts and control groups of several nodes need root.
fn require_root() -> Result<()> {
    let user = process::output(Command::new("id").arg("-u")).context("cannot find out the user")?;
    ensure!(user.trim() == "0", "`cargo xtask kubernetes` makes namespaces, mounts and control groups: run it as root");
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        options: KubernetesOptions,
    }

    #[test]
    fn scenarios_are_options_and_the_parts_of_a_run_are_subcommands() {
        let options = |action, only: &[&str]| KubernetesOptions {
            action,
            keep: false,
            reuse: false,
            only: only.iter().map(ToString::to_string).collect(),
            short: false,
        };
        assert_eq!(parsed(&[]), Some(options(None, &[])));
        assert_eq!(parsed(&["--only", "a", "--only", "b"]), Some(options(None, &["a", "b"])));
        let short = KubernetesOptions { keep: true, short: true, ..options(None, &[]) };
        assert_eq!(parsed(&["--keep", "--short"]), Some(short));
        assert_eq!(parsed(&["up"]), Some(options(Some(Action::Up), &[])));
        assert_eq!(parsed(&["down"]), Some(options(Some(Action::Down), &[])));
        for wrong in [&["sideways"][..], &["--short", "up"], &["up", "--short"], &["--only"]] {
            assert_eq!(parsed(wrong), None, "{wrong:?}");
        }
    }

    fn parsed(arguments: &[&str]) -> Option<KubernetesOptions> {
        Cli::try_parse_from(["kubernetes"].iter().chain(arguments)).ok().map(|cli| cli.options)
    }
}
