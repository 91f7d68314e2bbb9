//! `cargo xtask conformance`: Autobahn's WebSocket suite against an echo server built on the transport of `net`.

use std::fs;
use std::process::Command;
use std::slice;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::child::{self, ChildProcess};
use crate::steps::Steps;
use crate::tools::autobahn;
use crate::workspace::Workspace;
use crate::{ports, process};

/// Limit for the start of the echo server.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// The cases of compression, which the server does not support.
const EXCLUDED: [&str; 2] = ["12.*", "13.*"];

/// Fewest cases of a complete run.
const CASES_MIN: usize = 300;

pub(crate) fn run(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    let suite = steps.run("autobahntestsuite", || autobahn::install(&workspace.target))?;
    let build = ["build", "--package", "net", "--features", "conformance", "--example", "echo"];
    steps.run("the echo server", || process::run(&mut workspace.cargo(&build)))?;
    let folder = workspace.target.join("conformance");
    steps.run("conformance", || {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let port = ports::free_ports(1)?[0];
        let address = format!("127.0.0.1:{port}");
        let mut server = Command::new(workspace.target.join("debug/examples/echo"));
        server.arg(&address);
        let mut server = ChildProcess::start("echo", server, &folder)?;
        child::wait_until(slice::from_mut(&mut server), START_TIMEOUT, || ports::is_open(port))?;
        let specification = json!({
            "outdir": folder.join("report"),
            "servers": [{ "agent": "tickcast", "url": format!("ws://{address}") }],
            "cases": ["*"],
            "exclude-cases": EXCLUDED,
            "exclude-agent-cases": {},
        });
        fs::write(folder.join("specification.json"), specification.to_string())?;
        process::run(suite.command().current_dir(&folder))?;
        check_report(&fs::read_to_string(folder.join("report/index.json"))?)
    })
}

/// Fails unless every case passed or is informational.
fn check_report(report: &str) -> Result<()> {
    let agents: Value = serde_json::from_str(report).context("the report is not JSON")?;
    let cases = agents["tickcast"].as_object().context("the report has no results of the server")?;
    let passes = |behavior: &Value| behavior == "OK" || behavior == "INFORMATIONAL";
    let failed = cases.iter().filter(|(_, case)| !passes(&case["behavior"]) || !passes(&case["behaviorClose"]));
    let describe =
        |(name, case): (&String, &Value)| format!("{name}: {}, closing {}", case["behavior"], case["behaviorClose"]);
    let failed: Vec<String> = failed.map(describe).collect();
    ensure!(failed.is_empty(), "{} cases fail:\n{}", failed.len(), failed.join("\n"));
    ensure!(cases.len() >= CASES_MIN, "only {} cases were run", cases.len());
    println!("{} cases, all OK or informational", cases.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_case_that_is_not_strict_or_closes_wrongly_fails_and_so_do_too_few() {
        let report = |count: usize, last: (&str, &str)| {
            let mut cases = serde_json::Map::new();
            for number in 1..count {
                cases.insert(number.to_string(), json!({ "behavior": "OK", "behaviorClose": "INFORMATIONAL" }));
            }
            cases.insert("last".to_owned(), json!({ "behavior": last.0, "behaviorClose": last.1 }));
            json!({ "tickcast": cases }).to_string()
        };
        assert!(check_report(&report(CASES_MIN, ("INFORMATIONAL", "OK"))).is_ok());
        assert!(check_report(&report(CASES_MIN - 1, ("OK", "OK"))).is_err());
        for bad in [("NON-STRICT", "OK"), ("FAILED", "OK"), ("OK", "FAILED"), ("OK", "UNCLEAN")] {
            let error = check_report(&report(CASES_MIN, bad)).unwrap_err().to_string();
            assert!(error.contains("last: "), "{error}");
        }
        assert!(check_report("{}").is_err() && check_report("").is_err());
    }
}
