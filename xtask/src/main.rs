//! The project's own commands: `cargo xtask <command>`.

use std::process::ExitCode;

use anyhow::Result;

mod bench;
mod cargo;
mod ci;
mod cluster;
mod conformance;
mod faults;
mod fuzz;
mod member;
mod node;
mod probe;
mod process;
mod source;
mod steps;
mod test;
mod tidy;
mod tools;

const USAGE: &str = "\
The project's own commands.

usage: cargo xtask <command>

  test [-- <arguments of cargo test>]
         install the tools that are missing, then run every test
  faults [--short] [--seed <number>] [--only <fault>] [--repeats <number>]
         let nodes, Redis and links fail under load, and judge what clients saw;
         the short form is a part of test
  bench [--only <measurement>]
         measure nodes under load beside the baselines, in ten minutes, and write
         benches/RESULTS.md
  conformance  run Autobahn's WebSocket suite against a server that reads and writes
         as the product does; it needs a Python 2.7
  fuzz [--seconds <number>] [--only <target>]
         feed every parser with nonsense, 60 seconds each, and keep what is new
  tidy   check what the compiler does not: lengths, names, dependencies,
         licences, links, leftovers
  ci     what the server runs: lock file, format, clippy, docs, tidy, test
  cluster [--port <port of the page>]
         install the servers that are missing, then run Redis, three nodes and
         haproxy on this machine, with the page at port 4000, until Ctrl-C
  help   print this text
";

#[derive(Debug, PartialEq, Eq)]
enum Command {
    Help,
    Test { arguments: Vec<String> },
    Faults { arguments: Vec<String> },
    Bench { only: Option<String> },
    Conformance,
    Fuzz(fuzz::Wanted),
    Tidy,
    Ci,
    Cluster { port: u16 },
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let command = match parse(&arguments) {
        Ok(command) => command,
        Err(message) => {
            eprint!("error: {message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[String]) -> Result<Command, String> {
    let Some((name, rest)) = arguments.split_first() else {
        return Ok(Command::Help);
    };
    let command = match name.as_str() {
        "help" | "--help" | "-h" => Command::Help,
        "tidy" => Command::Tidy,
        "ci" => Command::Ci,
        "conformance" => Command::Conformance,
        "fuzz" => return fuzz::Wanted::parse(rest).map(Command::Fuzz),
        "test" => return parse_test(rest),
        // The suite itself knows its arguments.
        "faults" => return Ok(Command::Faults { arguments: rest.to_vec() }),
        "cluster" => return parse_cluster(rest),
        "bench" => return parse_bench(rest),
        unknown => return Err(format!("there is no command `{unknown}`")),
    };
    match rest.first() {
        None => Ok(command),
        Some(extra) => Err(format!("`{name}` takes no argument, but got `{extra}`")),
    }
}

fn parse_test(rest: &[String]) -> Result<Command, String> {
    match rest.split_first() {
        None => Ok(Command::Test { arguments: vec![] }),
        Some((dashes, arguments)) if dashes == "--" => Ok(Command::Test { arguments: arguments.to_vec() }),
        Some((extra, _)) => Err(format!("write `--` before the arguments of cargo test, not `{extra}`")),
    }
}

fn parse_cluster(rest: &[String]) -> Result<Command, String> {
    match rest {
        [] => Ok(Command::Cluster { port: cluster::PORT }),
        [option, port] if option == "--port" => match port.parse() {
            Ok(port @ 1..) => Ok(Command::Cluster { port }),
            Ok(0) | Err(_) => Err(format!("`{port}` is no port")),
        },
        [extra, ..] => Err(format!("`cluster` takes `--port <port>`, not `{extra}`")),
    }
}

fn parse_bench(rest: &[String]) -> Result<Command, String> {
    match rest {
        [] => Ok(Command::Bench { only: None }),
        [option, only] if option == "--only" => Ok(Command::Bench { only: Some(only.clone()) }),
        [extra, ..] => Err(format!("`bench` takes `--only <measurement>`, not `{extra}`")),
    }
}

fn run(command: &Command) -> Result<()> {
    match command {
        Command::Help => {
            print!("{USAGE}");
            Ok(())
        }
        Command::Test { arguments } => {
            let root = cargo::workspace_root()?;
            steps::all(|steps| test::run(&root, steps, arguments))
        }
        Command::Faults { arguments } => {
            let root = cargo::workspace_root()?;
            steps::all(|steps| faults::run(&root, steps, arguments))
        }
        Command::Bench { only } => {
            let root = cargo::workspace_root()?;
            steps::all(|steps| bench::run(&root, steps, only.as_deref()))
        }
        Command::Conformance => {
            let root = cargo::workspace_root()?;
            steps::all(|steps| conformance::run(&root, steps))
        }
        Command::Fuzz(wanted) => {
            let root = cargo::workspace_root()?;
            steps::all(|steps| fuzz::run(&root, steps, wanted))
        }
        Command::Tidy => tidy::run(&cargo::workspace_root()?),
        Command::Ci => {
            let root = cargo::workspace_root()?;
            steps::all(|steps| ci::run(&root, steps))
        }
        Command::Cluster { port } => cluster::run(&cargo::workspace_root()?, *port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_command_prints_the_usage() {
        assert_eq!(parsed(&[]), Ok(Command::Help));
    }

    #[test]
    fn arguments_after_the_dashes_go_to_cargo_test() {
        let arguments = vec!["-p".to_owned(), "wire".to_owned()];
        assert_eq!(parsed(&["test", "--", "-p", "wire"]), Ok(Command::Test { arguments }));
    }

    #[test]
    fn arguments_of_the_fault_suite_go_to_it() {
        let arguments = vec!["--short".to_owned(), "--seed".to_owned(), "7".to_owned()];
        assert_eq!(parsed(&["faults", "--short", "--seed", "7"]), Ok(Command::Faults { arguments }));
    }

    #[test]
    fn a_cluster_may_have_its_page_elsewhere() {
        assert_eq!(parsed(&["cluster"]), Ok(Command::Cluster { port: 4000 }));
        assert_eq!(parsed(&["cluster", "--port", "8080"]), Ok(Command::Cluster { port: 8080 }));
        for wrong in [&["cluster", "8080"] as &[&str], &["cluster", "--port"], &["cluster", "--port", "0"]] {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_unknown_command_or_argument_is_refused() {
        assert!(parsed(&["tests"]).is_err());
        assert!(parsed(&["tidy", "now"]).is_err());
        assert!(parsed(&["test", "-p", "wire"]).is_err());
    }

    #[test]
    fn the_usage_names_every_command() {
        for name in ["test", "faults", "bench", "conformance", "fuzz", "tidy", "ci", "cluster", "help"] {
            assert!(USAGE.contains(&format!("\n  {name} ")), "{name}");
            assert!(parsed(&[name]).is_ok(), "{name}");
        }
    }

    fn parsed(arguments: &[&str]) -> Result<Command, String> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        parse(&arguments)
    }
}
