//! `cargo xtask api-fuzz`: Schemathesis sends random requests to a node, and its answers must be those of
//! `docs/api/openapi.json`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{fs, slice};

use anyhow::Result;
use clap::Args;

use crate::child::{self, ChildProcess};
use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{ports, process, tools};

/// What must hold. Which inputs are accepted is not among it: rules such as "exactly one of three ids" are no part of the
/// schemas, and some systems ignore wrong fields by contract. The tests of `wire` compare the schemas of inputs with its
/// parsers instead. Nor is 405, since a known path with another method is answered 404.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// Time that a node of a debug build gets to start on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, PartialEq, Eq, Args)]
pub(crate) struct FuzzOptions {
    /// How long requests are sent
    #[arg(long, default_value_t = 120)]
    seconds: u32,
    /// The seed of the random requests
    #[arg(long, default_value_t = 1)]
    seed: u32,
}

pub(crate) fn run(workspace: &Workspace, steps: &mut Steps, options: &FuzzOptions) -> Result<()> {
    let schemathesis = steps.run("tools", || tools::install_for_api_fuzz(&workspace.target))?;
    workspace.build(steps, "dev", &["gateway"])?;
    steps.run("random requests", || {
        let folder = workspace.target.join("api-fuzz");
        fs::create_dir_all(&folder)?;
        let program = workspace.target.join("debug/tickcast");
        let ports = ports::free_ports(2)?;
        let mut node = ChildProcess::start("node", node(&program, ports[0], ports[1]), &folder)?;
        child::wait_until(slice::from_mut(&mut node), START_TIMEOUT, || ports::is_ok(ports[1], "/readyz"))?;
        let mut command = schemathesis.python();
        command.args(["-m", "schemathesis.cli", "run"]).arg(workspace.root.join("docs/api/openapi.json"));
        command.args(["--url", &format!("http://127.0.0.1:{}", ports[0])]);
        command.args(["--header", "x-test-user-id: 7", "--header", "x-test-org-id: 1"]);
        command.args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing,stateful"]);
        command.args(["--max-time", &options.seconds.to_string(), "--seed", &options.seed.to_string()]);
        command.args(["--continue-on-failure", "--generation-database", "none", "--no-color", "--warnings", "off"]);
        process::run(command.current_dir(&folder))?;
        node.require_running()
    })
}

/// Returns a node that takes the user and the organisation from headers, and stores in memory.
fn node(program: &Path, public: u16, internal: u16) -> Command {
    let mut command = Command::new(program);
    command
        .env("TICKCAST__STORE__URL", "memory://")
        .env("TICKCAST__AUTH__TEST_HEADERS", "true")
        .env("TICKCAST__PUBLIC__LISTEN", format!("127.0.0.1:{public}"))
        .env("TICKCAST__INTERNAL__LISTEN", format!("127.0.0.1:{internal}"));
    command
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        options: FuzzOptions,
    }

    #[test]
    fn the_time_and_the_seed_are_options() {
        let parsed =
            |arguments: &[&str]| Cli::try_parse_from(["api-fuzz"].iter().chain(arguments)).ok().map(|cli| cli.options);
        assert_eq!(parsed(&[]), Some(FuzzOptions { seconds: 120, seed: 1 }));
        assert_eq!(parsed(&["--seconds", "5", "--seed", "9"]), Some(FuzzOptions { seconds: 5, seed: 9 }));
        for wrong in [&["5"][..], &["--seconds"], &["--seed", "x"]] {
            assert_eq!(parsed(wrong), None, "{wrong:?}");
        }
    }
}
