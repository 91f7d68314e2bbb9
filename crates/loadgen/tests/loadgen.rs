//! Runs the program against a node.

#![allow(clippy::unwrap_used, reason = "a test fails when it cannot continue")]

use std::path::Path;
use std::process::{Command, Output};

use harness::{Node, free_port};
use serde_json::Value;

fn loadgen(folder: &Path, scenario: &str, protocol: &str, port: u16, pid: Option<u32>) -> Output {
    let file = folder.join("small.toml");
    std::fs::write(&file, scenario).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.arg("run").arg(file).arg("--target").arg(format!("127.0.0.1:{port}"));
    command.args(["--speech", protocol]);
    if let Some(pid) = pid {
        command.arg("--pid").arg(pid.to_string());
    }
    command.arg("--json").arg(folder.join("report.json")).output().unwrap()
}

async fn report(scenario: &str, protocol: &str) -> (Value, String) {
    // On a fast machine, a client that mutates without pauses sends more than a node takes from one by default.
    let node = Node::start_with(&[("limits.messages_per_second", "100000")]).await;
    let folder = tempfile::tempdir().unwrap();
    let output = loadgen(folder.path(), scenario, protocol, node.public, Some(node.pid()));
    let output_text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{output_text}");
    let report = std::fs::read_to_string(folder.path().join("report.json")).unwrap();
    (serde_json::from_str(&report).unwrap(), output_text)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tick_of_every_connection_is_counted_once() {
    let (report, output_text) = report(
        "connections = 40\nconnections_a_second = 200\nsettle_seconds = 1\nseconds = 3\n[work.ticks]\nsessions = 2\n",
        "clockit",
    )
    .await;
    let window = &report["windows"][0];
    let ticks = window["ticks"].as_u64().unwrap();
    // A window may begin and end anywhere within a second.
    assert!((40 * 2..=40 * 4).contains(&ticks), "{output_text}");
    assert_eq!((&window["missing"], &window["doubled"]), (&0.into(), &0.into()), "{output_text}");
    assert!(
        window["late"]["p99_ms"].as_f64().unwrap() > 0.0 && window["resident"].as_u64().unwrap() > 0,
        "{output_text}"
    );
    assert!(
        report["memory"]["resident_a_connection"].is_number() && output_text.contains("40 connections to 1 server")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mutations_are_measured_on_every_device() {
    let scenario = "connections = 12\nsettle_seconds = 1\nseconds = 3\n[work.mutate]\ndevices = 3\nrate = 40.0\n";
    let (report, output_text) = report(scenario, "clockit").await;
    let window = &report["windows"][0];
    let (sent, acks) = (window["sent"].as_u64().unwrap(), window["acks"].as_u64().unwrap());
    assert!((80..=160).contains(&sent) && acks >= sent - 4, "{output_text}");
    assert_eq!(window["errors"], 0, "{output_text}");
    assert!(window["update"]["p50_ms"].as_f64().unwrap() > 0.0, "{output_text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_rate_each_mutation_follows_the_last() {
    let scenario = "connections = 12\nsettle_seconds = 1\nseconds = 3\n[work.mutate]\ndevices = 2\n";
    let (report, output_text) = report(scenario, "clockit").await;
    let window = &report["windows"][0];
    let (sent, acks) = (window["sent"].as_u64().unwrap(), window["acks"].as_u64().unwrap());
    assert!(sent > 6 * 3 && acks <= sent && acks + 6 >= sent, "{output_text}");
    assert_eq!((&window["errors"], &window["missing"]), (&0.into(), &0.into()), "{output_text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn room_commands_are_measured_up_to_the_last_member() {
    let scenario = "connections = 12\nsettle_seconds = 1\nseconds = 3\n[work.mutate]\ndevices = 4\nrate = 6\n";
    let (report, output_text) = report(scenario, "rooms").await;
    let window = &report["windows"][0];
    let (sent, acks) = (window["sent"].as_u64().unwrap(), window["acks"].as_u64().unwrap());
    assert!((12..=24).contains(&sent) && acks >= sent - 3, "{output_text}");
    assert_eq!((&window["errors"], &window["missing"]), (&0.into(), &0.into()), "{output_text}");
    assert!(window["last"]["p50_ms"].as_f64() >= window["update"]["p50_ms"].as_f64(), "{output_text}");
    assert!(window["last"]["p50_ms"].as_f64().unwrap() > 0.0, "{output_text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn focus_sessions_are_compared_with_the_expected_counters() {
    let scenario = "connections = 12\nsettle_seconds = 1\nseconds = 17\n[work.focus]\nactivities_a_second = 10\n\
                    writes_a_second = 5\n";
    let (report, output_text) = report(scenario, "clockit").await;
    let [idle, active, ends] = [0, 1, 2].map(|nth| &report["windows"][nth]);
    assert_eq!((&ends["compared"], &ends["wrong"]), (&12.into(), &0.into()), "{output_text}");
    // A busy machine sends late, and then answers late too.
    assert!(ends["uncertain"].as_u64().unwrap() < 12, "no result was known to the second: {output_text}");
    assert_eq!(idle["activities"], 0, "{output_text}");
    let activities = active["activities"].as_u64().unwrap();
    assert!((12 * 100..=12 * 190).contains(&activities), "{output_text}");
    for window in [idle, active] {
        assert!(window["ticks"].as_u64().unwrap() >= 12 * 15, "{output_text}");
        assert_eq!((&window["missing"], &window["doubled"]), (&0.into(), &0.into()), "{output_text}");
    }
}

#[tokio::test]
async fn an_invalid_scenario_is_an_error_that_names_the_problem() {
    let folder = tempfile::tempdir().unwrap();
    for (scenario, named) in [
        ("connections = 1\nseconds = 1\n[work.nonsense]\n", "nonsense"),
        ("connections = 0\nseconds = 1\n[work.idle]\n", "connections must be more than 0"),
        (
            "connections = 1\nseconds = 1\n[work.focus]\nactivities_a_second = 10\nwrites_a_second = 3\n",
            "each write must have the same number of activities",
        ),
        ("connections = 1\nseconds = 1\nsecond = 2\n[work.idle]\n", "second"),
    ] {
        let output = loadgen(folder.path(), scenario, "clockit", free_port(), None);
        let output_text = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && output_text.contains(named) && output_text.contains("small.toml"),
            "{output_text}"
        );
    }
}
