//! The commits of a client that does not wait for each answer, and what the nodes' mutations are against them.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::BenchSetup;
use super::deployment::Deployment;
use super::report::{find, number};

use crate::process;

/// The number of users in `benches/scenarios/commits.toml`.
const SCOPES: &str = "64";

/// The window of `benches/scenarios/commits.toml`, seconds.
const SECONDS: &str = "15";

/// Runs the client against the Redis of a deployment; returns a report with the fields that loadgen's has.
pub(super) fn run(setup: &BenchSetup, deployment: &Deployment) -> Result<Value> {
    let redis = deployment.redis_address().context("the client needs a Redis")?;
    let mut client = Command::new(setup.binaries.join("baseline-commit"));
    let output = process::output(client.args([redis.as_str(), SCOPES, SECONDS]))?;
    let done: Value = serde_json::from_str(&output)?;
    let window = json!({ "name": "all", "acks": done["commits"], "seconds": done["seconds"], "missing": 0 });
    Ok(json!({ "scenario": { "connections": 1 }, "windows": [window] }))
}

/// Lists the mutations per second, the nodes' processor time for each, and the ratio to the client.
pub(super) fn results(reports: &[Value]) -> Vec<String> {
    let rate = |report: &Value| number(&report["windows"][0]["acks"]) / number(&report["windows"][0]["seconds"]);
    let client = find(reports, "commits, pipelining client").map(rate);
    let mut lines: Vec<String> =
        client.iter().map(|rate| format!("commits, pipelining client: {rate:.0} commits a second")).collect();
    if let Some(report) = find(reports, "commits") {
        let window = &report["windows"][0];
        let micros = number(&window["processor_seconds"]) * 1e6 / number(&window["acks"]);
        let rate = rate(report);
        lines.push(format!(
            "commits: {rate:.0} mutations a second, {micros:.0} µs of processor time of both nodes each"
        ));
        lines.extend(client.map(|client| format!("commits: {:.2} of the pipelining client", rate / client)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutations_are_compared_with_the_commits_of_the_same_run() {
        let report = |name: &str, acks: u64| json!({ "name": name, "windows": [{ "acks": acks, "seconds": 10.0, "processor_seconds": 4.0 }] });
        let reports = [report("commits, pipelining client", 100_000), report("commits", 40_000)];
        let expected = [
            "commits, pipelining client: 10000 commits a second",
            "commits: 4000 mutations a second, 100 µs of processor time of both nodes each",
            "commits: 0.40 of the pipelining client",
        ];
        assert_eq!(results(&reports), expected);
        assert!(results(&[]).is_empty());
    }
}
