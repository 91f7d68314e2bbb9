//! `cargo xtask conformance`: the WebSocket suite of Autobahn against a server that reads and writes as the product does.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::member::Member;
use crate::steps::Steps;
use crate::tools::autobahn;
use crate::{cargo, probe, process};

/// How long the echo server may take to listen.
const LISTENS_WITHIN: Duration = Duration::from_secs(20);

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Compression, which is not spoken.
const EXCLUDED: [&str; 2] = ["12.*", "13.*"];

/// Fewest cases that are a run of the whole suite.
const CASES_MIN: usize = 300;

pub(crate) fn run(root: &Path, steps: &mut Steps) -> Result<()> {
    let target = cargo::target_directory(root)?;
    let suite = steps.run("autobahntestsuite", || autobahn::provide(&target))?;
    let echo = ["build", "--package", "gateway", "--features", "conformance", "--example", "echo"];
    steps.run("the echo server", || process::run(cargo::command(root).args(echo)))?;
    let folder = target.join("conformance");
    steps.run("conformance", || {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let port = probe::free_ports(1)?[0];
        let address = format!("127.0.0.1:{port}");
        let mut server = Command::new(target.join("debug/examples/echo"));
        server.arg(&address);
        let mut server = Member::start("echo", server, &folder)?;
        listens(&mut server, port)?;
        let specification = json!({
            "outdir": folder.join("report"),
            "servers": [{ "agent": "tickcast", "url": format!("ws://{address}") }],
            "cases": ["*"],
            "exclude-cases": EXCLUDED,
            "exclude-agent-cases": {},
        });
        fs::write(folder.join("specification.json"), specification.to_string())?;
        process::run(suite.command().current_dir(&folder))?;
        judge(&fs::read_to_string(folder.join("report/index.json"))?)
    })
}

fn listens(server: &mut Member, port: u16) -> Result<()> {
    let end = Instant::now() + LISTENS_WITHIN;
    while !probe::listens(port) {
        server.runs()?;
        ensure!(Instant::now() < end, "{} does not listen; {}", server.name, server.tail());
        sleep(LOOK_EVERY);
    }
    Ok(())
}

/// Every case must be passed, or be one that only informs.
fn judge(report: &str) -> Result<()> {
    let agents: Value = serde_json::from_str(report).context("the report can't be read")?;
    let cases = agents["tickcast"].as_object().context("the report has nothing on us")?;
    let passes = |behavior: &Value| behavior == "OK" || behavior == "INFORMATIONAL";
    let failed = cases.iter().filter(|(_, case)| !passes(&case["behavior"]) || !passes(&case["behaviorClose"]));
    let told =
        |(name, case): (&String, &Value)| format!("{name}: {}, closing {}", case["behavior"], case["behaviorClose"]);
    let failed: Vec<String> = failed.map(told).collect();
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
            for nth in 1..count {
                cases.insert(nth.to_string(), json!({ "behavior": "OK", "behaviorClose": "INFORMATIONAL" }));
            }
            cases.insert("last".to_owned(), json!({ "behavior": last.0, "behaviorClose": last.1 }));
            json!({ "tickcast": cases }).to_string()
        };
        assert!(judge(&report(CASES_MIN, ("INFORMATIONAL", "OK"))).is_ok());
        assert!(judge(&report(CASES_MIN - 1, ("OK", "OK"))).is_err());
        for bad in [("NON-STRICT", "OK"), ("FAILED", "OK"), ("OK", "FAILED"), ("OK", "UNCLEAN")] {
            let why = judge(&report(CASES_MIN, bad)).unwrap_err().to_string();
            assert!(why.contains("last: "), "{why}");
        }
        assert!(judge("{}").is_err() && judge("").is_err());
    }
}
