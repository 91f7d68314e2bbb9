//! The results of a run as a Markdown page.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde_json::Value;

use super::commits;
use crate::process;

/// Returns the page; `previous` holds the reports of the last recorded run.
pub(super) fn page(root: &Path, reports: &[Value], previous: Option<&Value>) -> Result<String> {
    let mut page = String::from(
        "# Results\n\nWritten by `cargo xtask bench`. Numbers from different machines, or from different days on one \
         machine, are not comparable. The ratios are: one run measures all rows of a table, with servers and clients on \
         the same processors.\n\nEach measurement is `loadgen run benches/scenarios/<scenario>.toml --target <addresses> \
         --pid <processes> --json <report>` against servers that are started for it; the scenario is the first word of \
         its name.\n\n",
    );
    page += &machine(root)?;
    page += "\n| measurement | connections | messages per CPU-second | late p50 | p99 | max | missing seconds \
             | ratio to the last run |\n|---|---|---|---|---|---|---|---|\n";
    for report in reports {
        for window in list(&report["windows"]) {
            page += &row(report, window, previous);
        }
    }
    page += "\n## Ratios\n\n";
    let rate =
        |name: &str| find(reports, name).map(|report| number(&report["windows"][0]["messages_a_processor_second"]));
    let late = |name: &str| find(reports, name).map(|report| number(&report["windows"][0]["late"]["p99_ms"]));
    for (title, tickcast, baseline) in [
        ("messages per CPU-second, relative to the bare loop", rate("ticks"), rate("ticks, bare loop")),
        ("lateness p99, relative to the bare loop", late("ticks"), late("ticks, bare loop")),
        ("messages per CPU-second, relative to Centrifugo", rate("compare"), rate("compare, Centrifugo")),
        (
            "messages per CPU-second, relative to tungstenite and Redis",
            rate("compare"),
            rate("compare, tungstenite and Redis"),
        ),
        ("messages per CPU-second, relative to express and ws", rate("compare"), rate("compare, express and ws")),
        ("messages per CPU-second, relative to Socket.IO", rate("compare"), rate("compare, Socket.IO")),
        ("messages per CPU-second of rooms, relative to ticks", rate("rooms"), rate("ticks")),
        ("messages per CPU-second of a room of 1,000, relative to one of 250", rate("room"), rate("room-250")),
    ] {
        if let (Some(tickcast), Some(baseline)) = (tickcast, baseline) {
            page += &format!("- {title}: **{:.2}**\n", tickcast / baseline);
        }
    }
    page += "\n## Further results\n\n";
    for report in reports {
        page += &further_results(report);
    }
    page.extend(commits::results(reports).iter().map(|line| format!("- {line}\n")));
    Ok(page)
}

/// Describes the machine and the versions of the programs.
pub(super) fn machine(root: &Path) -> Result<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown", |(_, name)| name);
    let mut text = format!("{} processors ({model}).\n", std::thread::available_parallelism()?);
    for (name, program, arguments) in [
        ("Linux", "uname", &["-r"] as &[&str]),
        ("rustc", "rustc", &["--version"]),
        ("redis-server", "redis-server", &["--version"]),
        ("node", "node", &["--version"]),
        ("commit", "git", &["rev-parse", "--short", "HEAD"]),
    ] {
        let version = process::output(Command::new(program).args(arguments).current_dir(root))?;
        text += &format!("- {name}: {}\n", version.trim());
    }
    Ok(text)
}

fn row(report: &Value, window: &Value, previous: Option<&Value>) -> String {
    let name = title(report, window);
    let late = |which: &str| window["late"][which].as_f64().map_or("–".to_owned(), |ms| format!("{ms:.1} ms"));
    let rate = number(&window["messages_a_processor_second"]);
    let previous_rate = previous.into_iter().flat_map(list).find_map(|report| {
        let same = list(&report["windows"]).iter().find(|window| title(report, window) == name)?;
        same["messages_a_processor_second"].as_f64()
    });
    let ratio = previous_rate.filter(|rate| *rate > 0.0).map_or("–".to_owned(), |last| format!("{:.2}", rate / last));
    format!(
        "| {name} | {} | {rate:.0} | {} | {} | {} | {} | {ratio} |\n",
        report["scenario"]["connections"],
        late("p50_ms"),
        late("p99_ms"),
        late("max_ms"),
        window["missing"]
    )
}

/// Lists the results that have no column in the table.
fn further_results(report: &Value) -> String {
    let mut lines = Vec::new();
    let name = report["name"].as_str().unwrap_or_default();
    let kib = |key: &str| number(&report["memory"][key]) / 1024.0;
    let (node, kernel) = (kib("resident_a_connection"), kib("kernel_a_connection"));
    let connections = number(&report["scenario"]["connections"]);
    let calls = number(&report["redisCalls"]);
    if name == "idle" {
        let window = &report["windows"][0];
        let cpu = number(&window["processor_seconds"]) / (connections * number(&window["seconds"])) * 1e6;
        lines.push(format!("memory per connection: {node:.1} KiB in the node, {kernel:.1} KiB in the kernel"));
        lines.push(format!("processor time per connection: {cpu:.1} µs per second, including pings"));
    }
    for window in list(&report["windows"]) {
        let title = title(report, window);
        for (key, what) in [
            ("update", "update"),
            ("last", "update of the last client"),
            ("ready", "ready"),
            ("heartbeat", "heartbeat"),
            ("post", "post"),
        ] {
            if let Some(p50) = window[key]["p50_ms"].as_f64() {
                let (p99, max) = (number(&window[key]["p99_ms"]), number(&window[key]["max_ms"]));
                lines.push(format!("{title}, {what}: p50 {p50:.1} ms, p99 {p99:.1} ms, max {max:.1} ms"));
            }
        }
        let acks = number(&window["acks"]);
        if matches!(name, "mutate" | "organizations" | "days") && acks > 0.0 {
            let trips = calls / acks;
            lines.push(format!("{title}: {trips:.2} round trips to Redis per mutation, including connects and beats"));
        }
        if name == "rooms" {
            lines.push(format!("{title}: memory per member {node:.1} KiB in the nodes, {kernel:.1} KiB in the kernel"));
        }
        if name == "focus" {
            lines.extend(focus_results(&title, window));
        }
        if name == "storm" {
            let loads = calls / (2.0 * connections);
            lines.push(format!("{title}: {loads:.2} Redis loads and scripts per connect; each client connects twice"));
        }
        if name == "slow" {
            lines.push(format!("{title}: {:.0} MiB in the node", number(&window["resident"]) / 1024.0 / 1024.0));
        }
        for (reason, count) in window["failures"].as_object().into_iter().flatten() {
            lines.push(format!("{title}: {count} connections failed: {reason}"));
        }
    }
    lines.iter().map(|line| format!("- {line}\n")).collect()
}

/// Lists what a window of tracked focus sessions shows beside ticks.
fn focus_results(title: &str, window: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let (seconds, processor_seconds) = (number(&window["seconds"]), number(&window["processor_seconds"]));
    let [scripts, loads] = ["scripts", "loads"].map(|key| number(&window["redis"][key]) / seconds);
    lines.push(format!(
        "{title}: {scripts:.0} scripts and {loads:.0} loads of Redis a second, {:.0} ms of processor time a second",
        processor_seconds * 1000.0 / seconds
    ));
    let activities = number(&window["activities"]);
    if activities > 0.0 {
        let each = processor_seconds * 1e6 / activities;
        lines.push(format!("{title}: {:.0} activities a second, {each:.2} µs each", activities / seconds));
    }
    let [compared, wrong, uncertain] = ["compared", "wrong", "uncertain"].map(|key| number(&window[key]));
    if compared > 0.0 {
        lines.push(format!(
            "{title}: {compared:.0} sessions compared, {wrong:.0} counted wrong, {uncertain:.0} not known to the second"
        ));
    }
    lines
}

fn title(report: &Value, window: &Value) -> String {
    let name = report["name"].as_str().unwrap_or_default();
    match window["name"].as_str() {
        Some(window @ ("before" | "during" | "idle" | "active" | "ends")) => format!("{name}, {window}"),
        Some(_) | None => name.to_owned(),
    }
}

pub(super) fn find<'r>(reports: &'r [Value], name: &str) -> Option<&'r Value> {
    reports.iter().find(|report| report["name"] == name)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_has_ratios_within_the_run_and_to_the_last() {
        let report = |name: &str, rate: f64| {
            let late = json!({ "p50_ms": 1.0, "p99_ms": 2.0, "max_ms": 3.0 });
            let window = json!({ "name": "all", "messages_a_processor_second": rate, "late": late, "missing": 0 });
            json!({ "name": name, "scenario": { "connections": 10 }, "windows": [window] })
        };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let reports = [report("ticks, bare loop", 100.0), report("ticks", 90.0)];
        let page = page(root, &reports, Some(&json!([report("ticks", 45.0)]))).unwrap();
        assert!(page.contains("| ticks | 10 | 90 | 1.0 ms | 2.0 ms | 3.0 ms | 0 | 2.00 |"), "{page}");
        assert!(page.contains("relative to the bare loop: **0.90**"), "{page}");
    }
}
