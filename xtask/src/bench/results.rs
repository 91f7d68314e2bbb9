//! What a run of the benches comes to, as a page.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde_json::Value;

use crate::process;

/// Writes the page; `last` is the run that was recorded before.
pub(super) fn page(root: &Path, measured: &[Value], last: Option<&Value>) -> Result<String> {
    let mut page = String::from(
        "# Results\n\nWritten by `cargo xtask bench`. Figures of different machines, and of different days on one, can't be \
         compared; the ratios can: all of one table were measured in one run, servers and clients on the same processors.\n\n\
         Each measurement is `loadgen run benches/scenarios/<scenario>.toml --target <addresses> --pid <processes> --json <report>` \
         against servers that were started for it; the scenario is the first word of its name.\n\n",
    );
    page += &machine(root)?;
    page += "\n| measurement | connections | messages a CPU-second | late p50 | p99 | max | seconds missing | against the last run |\n|---|---|---|---|---|---|---|---|\n";
    for report in measured {
        for window in list(&report["windows"]) {
            page += &row(report, window, last);
        }
    }
    page += "\n## Ratios\n\n";
    let rate =
        |name: &str| find(measured, name).map(|report| number(&report["windows"][0]["messages_a_processor_second"]));
    let late = |name: &str| find(measured, name).map(|report| number(&report["windows"][0]["late"]["p99_ms"]));
    let mut ratio = |what: &str, ours: Option<f64>, theirs: Option<f64>| {
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            page += &format!("- {what}: **{:.2}**\n", ours / theirs);
        }
    };
    ratio("messages a CPU-second, against the bare loop", rate("ticks"), rate("ticks, bare loop"));
    ratio("lateness p99, against the bare loop", late("ticks"), late("ticks, bare loop"));
    ratio("messages a CPU-second, against express and ws", rate("compare"), rate("compare, express and ws"));
    ratio("messages a CPU-second, against Socket.IO", rate("compare"), rate("compare, Socket.IO"));
    page += "\n## Beside\n\n";
    for report in measured {
        page += &beside(report);
    }
    Ok(page)
}

pub(super) fn machine(root: &Path) -> Result<String> {
    let model = fs::read_to_string("/proc/cpuinfo")?;
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, name)| name);
    let cores = std::thread::available_parallelism()?;
    let ask = |program: &str, words: &[&str]| process::output(Command::new(program).args(words).current_dir(root));
    let versions = [
        ("Linux", ask("uname", &["-r"])?),
        ("rustc", ask("rustc", &["--version"])?),
        ("redis-server", ask("redis-server", &["--version"])?),
        ("node", ask("node", &["--version"])?),
        ("commit", ask("git", &["rev-parse", "--short", "HEAD"])?),
    ];
    let mut text = format!("{cores} processors ({model}).\n");
    for (name, version) in versions {
        text += &format!("- {name}: {}\n", version.trim());
    }
    Ok(text)
}

fn row(report: &Value, window: &Value, last: Option<&Value>) -> String {
    let name = title(report, window);
    let late = |which: &str| window["late"][which].as_f64().map_or("–".to_owned(), |ms| format!("{ms:.1} ms"));
    let rate = number(&window["messages_a_processor_second"]);
    let before = last.into_iter().flat_map(list).find_map(|report| {
        let same = list(&report["windows"]).iter().find(|window| title(report, window) == name)?;
        same["messages_a_processor_second"].as_f64()
    });
    let against =
        before.filter(|before| *before > 0.0).map_or("–".to_owned(), |before| format!("{:.2}", rate / before));
    format!(
        "| {name} | {} | {rate:.0} | {} | {} | {} | {} | {against} |\n",
        report["scenario"]["connections"],
        late("p50_ms"),
        late("p99_ms"),
        late("max_ms"),
        window["missing"]
    )
}

/// What the table has no column for.
fn beside(report: &Value) -> String {
    let mut text = String::new();
    let name = report["name"].as_str().unwrap_or_default();
    let memory = &report["memory"];
    if name == "idle" {
        text += &format!(
            "- memory of a connection: {:.1} KiB in the node, {:.1} KiB in the kernel\n",
            number(&memory["resident_a_connection"]) / 1024.0,
            number(&memory["kernel_a_connection"]) / 1024.0
        );
        let window = &report["windows"][0];
        let connection_seconds = number(&report["scenario"]["connections"]) * number(&window["seconds"]);
        text += &format!(
            "- processor time of a connection: {:.1} µs a second, its pings included\n",
            number(&window["processor_seconds"]) / connection_seconds * 1e6
        );
    }
    for window in list(&report["windows"]) {
        let title = title(report, window);
        for what in ["update", "last", "ready"] {
            if let Some(p50) = window[what]["p50_ms"].as_f64() {
                let (p99, max) = (number(&window[what]["p99_ms"]), number(&window[what]["max_ms"]));
                let what = if what == "last" { "update of the last one" } else { what };
                text += &format!("- {title}, {what}: p50 {p50:.1} ms, p99 {p99:.1} ms, max {max:.1} ms\n");
            }
        }
        if name == "mutate" && number(&window["acks"]) > 0.0 {
            let trips = number(&report["redisCalls"]) / number(&window["acks"]);
            text += &format!("- {title}: {trips:.2} round trips to Redis a mutation, beginning and beats included\n");
        }
        if name == "rooms" {
            text += &format!(
                "- {title}: memory of a member {:.1} KiB in the nodes, {:.1} KiB in the kernel\n",
                number(&memory["resident_a_connection"]) / 1024.0,
                number(&memory["kernel_a_connection"]) / 1024.0
            );
        }
        if name == "storm" {
            let comings = 2.0 * number(&report["scenario"]["connections"]);
            let calls = number(&report["redisCalls"]) / comings;
            text += &format!("- {title}: {calls:.2} loads and scripts of Redis a coming, of which each had two\n");
        }
        if name == "slow" {
            text += &format!("- {title}: {:.0} MiB in the node\n", number(&window["resident"]) / 1024.0 / 1024.0);
        }
        for (why, count) in window["failures"].as_object().into_iter().flatten() {
            text += &format!("- {title}: {count} connections failed: {why}\n");
        }
    }
    text
}

fn title(report: &Value, window: &Value) -> String {
    let name = report["name"].as_str().unwrap_or_default();
    match window["name"].as_str() {
        Some(window @ ("before" | "during")) => format!("{name}, {window}"),
        Some(_) | None => name.to_owned(),
    }
}

fn find<'r>(measured: &'r [Value], name: &str) -> Option<&'r Value> {
    measured.iter().find(|report| report["name"] == name)
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
    fn a_page_has_ratios_within_the_run_and_against_the_last() {
        let report = |name: &str, rate: f64| {
            let window = json!({ "name": "all", "messages_a_processor_second": rate, "late": { "p50_ms": 1.0, "p99_ms": 2.0, "max_ms": 3.0 }, "missing": 0 });
            json!({ "name": name, "scenario": { "connections": 10 }, "windows": [window] })
        };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let measured = [report("ticks, bare loop", 100.0), report("ticks", 90.0)];
        let page = page(root, &measured, Some(&json!([report("ticks", 45.0)]))).unwrap();
        assert!(page.contains("| ticks | 10 | 90 | 1.0 ms | 2.0 ms | 3.0 ms | 0 | 2.00 |"), "{page}");
        assert!(page.contains("against the bare loop: **0.90**"), "{page}");
    }
}
