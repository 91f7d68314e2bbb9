//! The project's development commands: `cargo xtask <command>`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};

use steps::Steps;
use workspace::Workspace;

mod api_fuzz;
mod api_lint;
mod bench;
mod child;
mod ci;
mod cluster;
mod codegen;
mod conformance;
mod deployment;
mod faults;
mod fuzz;
mod guide;
mod image;
mod kubernetes;
mod npm;
mod ports;
mod process;
mod servers;
mod steps;
mod test;
mod tidy;
mod tools;
mod workspace;

/// The project's development commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Option<Task>,
}

#[derive(Debug, PartialEq, Subcommand)]
enum Task {
    /// Install the missing tools, then run every test
    Test {
        /// Arguments of `cargo test`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Run nodes under load while nodes, Redis, links and clocks fail, and check what clients saw
    ///
    /// Options of the suite: [--short] [--seed NUMBER] [--only FAULT] [--repeats NUMBER].
    /// `test` includes the short form.
    Faults {
        /// Arguments of the fault suite
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure nodes under load beside the baselines (ten minutes), and write benches/RESULTS.md
    Bench {
        /// Run only this measurement; `telemetry` runs only by this option
        #[arg(long, value_name = "MEASUREMENT")]
        only: Option<String>,
    },
    /// Let clients come and go for hours, and check that nodes and Redis hold nothing afterwards
    Soak {
        /// Length of the run
        #[arg(long, default_value_t = 1.0)]
        hours: f64,
    },
    /// Run Autobahn's WebSocket suite against an echo server; needs Python 2.7
    Conformance,
    /// Fuzz every parser, and keep the inputs that reach new code
    Fuzz(fuzz::Options),
    /// Send random requests to a node, and check its answers by docs/api/openapi.json
    ApiFuzz(api_fuzz::FuzzOptions),
    /// Check what the compiler does not: lengths, names, dependencies, licences, links
    Tidy,
    /// Run all checks of continuous integration: lock file, format, clippy, docs, tidy, test
    Ci,
    /// Check the files of `deploy`, `helm` and `k8s` as far as it is possible without a cluster
    Deployment,
    /// Build the user guide and the other documents as a site in target/guide/site, and check its links
    Guide,
    /// Write the files that are made from others, such as the reference of the chart's values
    Codegen,
    /// Build the container image with buildah, and write its archive
    Image(image::ImageOptions),
    /// Start a Kubernetes cluster on this machine, install Tickcast in it, and run the scenarios
    Kubernetes(kubernetes::KubernetesOptions),
    /// Run Redis, three nodes and haproxy on this machine until Ctrl-C
    Cluster {
        /// Port of the page
        #[arg(long, default_value_t = cluster::PORT, value_parser = clap::value_parser!(u16).range(1..))]
        port: u16,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Option<Task>) -> Result<()> {
    let Some(task) = task else {
        Cli::command().print_help()?;
        return Ok(());
    };
    let workspace = &Workspace::load()?;
    let in_steps = |work: &dyn Fn(&mut Steps) -> Result<()>| steps::run_all(work);
    match &task {
        Task::Test { arguments } => in_steps(&|steps| test::run(workspace, steps, arguments)),
        Task::Faults { arguments } => in_steps(&|steps| faults::run(workspace, steps, arguments)),
        Task::Bench { only } => in_steps(&|steps| bench::run(workspace, steps, only.as_deref())),
        Task::Soak { hours } => in_steps(&|steps| bench::soak::run(workspace, steps, *hours)),
        Task::Conformance => in_steps(&|steps| conformance::run(workspace, steps)),
        Task::Fuzz(options) => in_steps(&|steps| fuzz::run(workspace, steps, options)),
        Task::ApiFuzz(options) => in_steps(&|steps| api_fuzz::run(workspace, steps, options)),
        Task::Tidy => tidy::run(workspace),
        Task::Ci => in_steps(&|steps| ci::run(workspace, steps)),
        Task::Codegen => codegen::write(workspace),
        Task::Guide => in_steps(&|steps| guide::run(workspace, steps)),
        Task::Deployment => in_steps(&|steps| deployment::run(workspace, steps)),
        Task::Image(options) => in_steps(&|steps| image::run(workspace, steps, options)),
        Task::Kubernetes(options) => in_steps(&|steps| kubernetes::run(workspace, steps, options)),
        Task::Cluster { port } => cluster::run(workspace, *port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_command_prints_the_usage() {
        assert_eq!(parsed(&[]), Some(None));
    }

    #[test]
    fn arguments_after_the_dashes_go_to_cargo_test() {
        assert_eq!(task(&["test", "--", "-p", "wire"]), Task::Test { arguments: owned(&["-p", "wire"]) });
    }

    #[test]
    fn arguments_of_the_fault_suite_go_to_it() {
        let arguments = owned(&["--short", "--seed", "7"]);
        assert_eq!(task(&["faults", "--short", "--seed", "7"]), Task::Faults { arguments });
    }

    #[test]
    fn the_port_of_a_cluster_is_an_option() {
        assert_eq!(task(&["cluster"]), Task::Cluster { port: 4000 });
        assert_eq!(task(&["cluster", "--port", "8080"]), Task::Cluster { port: 8080 });
        for wrong in [&["cluster", "8080"] as &[&str], &["cluster", "--port"], &["cluster", "--port", "0"]] {
            assert_eq!(parsed(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn an_unknown_command_or_argument_is_refused() {
        for wrong in [&["tests"] as &[&str], &["tidy", "now"], &["test", "-p", "wire"], &["bench", "idle"]] {
            assert_eq!(parsed(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn every_command_runs_without_arguments() {
        for name in [
            "test",
            "faults",
            "bench",
            "soak",
            "conformance",
            "fuzz",
            "api-fuzz",
            "tidy",
            "ci",
            "codegen",
            "deployment",
            "image",
            "kubernetes",
            "cluster",
        ] {
            task(&[name]);
        }
        Cli::command().debug_assert();
    }

    fn task(arguments: &[&str]) -> Task {
        parsed(arguments).flatten().unwrap_or_else(|| panic!("{arguments:?} is refused"))
    }

    fn parsed(arguments: &[&str]) -> Option<Option<Task>> {
        let words = ["cargo xtask"].iter().chain(arguments);
        Cli::try_parse_from(words).ok().map(|cli| cli.command)
    }

    fn owned(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }
}
