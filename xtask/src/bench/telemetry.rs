//! What it costs that nodes tell of themselves: processor time a tick and a mutation, with nothing told, with figures,
//! and with traces.

use std::fs;

use anyhow::Result;
use serde_json::Value;

use super::{Measurement, Parts, System, Telemetry, measure, results};
use crate::steps::Steps;

/// What it is asked for by.
pub(super) const NAME: &str = "telemetry";

/// How often each is measured, one after the other: machines drift, so only runs of one round are compared, and the
/// middle round counts.
const ROUNDS: usize = 5;

/// What nodes tell; the costs of each are compared with the first.
const SETTINGS: [(&str, Telemetry); 4] = [
    ("off", Telemetry::Off),
    ("metrics", Telemetry::Fetched),
    ("metrics, traces of 1 %", Telemetry::Traced("0.01")),
    ("metrics, traces of 100 %", Telemetry::Traced("1")),
];

/// What is measured: the title, nodes, the scenario, and what is counted of it.
const WORK: [(&str, usize, &str, Counted); 2] = [
    ("a tick, 5,000 connections", 1, "compare", Counted::Messages),
    ("a mutation, shown on two nodes, with the ticks between", 2, "mutate", Counted::Acks),
];

#[derive(Clone, Copy)]
enum Counted {
    Messages,
    Acks,
}

/// What one setting has cost.
#[derive(Clone, Default)]
struct Cost {
    /// Microseconds of processor time for each, of all rounds.
    micros: Vec<f64>,
    /// Bytes sent to the collector for each, in the last round.
    sent: f64,
}

impl Cost {
    fn add(&mut self, report: &Value, counted: Counted) {
        let window = &report["windows"][0];
        let count = match counted {
            Counted::Messages => &window["messages"],
            Counted::Acks => &window["acks"],
        };
        let count = results::number(count).max(1.0);
        self.micros.push(results::number(&window["processor_seconds"]) * 1e6 / count);
        self.sent = results::number(&report["sentToCollector"]) / count;
    }

    /// Returns this by another, of each round.
    fn of(&self, other: &Self) -> Vec<f64> {
        self.micros.iter().zip(&other.micros).map(|(this, other)| this / other).collect()
    }
}

fn middle(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Measures, and writes it down.
pub(super) fn run(parts: &Parts, steps: &mut Steps) -> Result<()> {
    let mut page = String::from(
        "# What telemetry costs\n\nWritten by `cargo xtask bench --only telemetry`: processor time of the nodes, each setting \
         in turn, five rounds. A ratio is the middle of those of the rounds, which lie as far apart as the brackets say. \
         Figures are fetched every 5 s; spans go to a collector that keeps nothing.\n\n",
    );
    page += &results::machine(&parts.root)?;
    for (title, nodes, scenario, counted) in WORK {
        let mut costs = vec![Cost::default(); SETTINGS.len()];
        for round in 1..=ROUNDS {
            // There and back, as machines drift.
            let mut turns: Vec<usize> = (0..SETTINGS.len()).collect();
            if round % 2 == 0 {
                turns.reverse();
            }
            for nth in turns {
                let ((name, telemetry), cost) = (&SETTINGS[nth], &mut costs[nth]);
                let system = System::Tickcast { nodes, telemetry: *telemetry };
                let measurement = Measurement { name: "telemetry", system, scenario };
                let title = format!("{title}, {name}, {round} of {ROUNDS}");
                cost.add(&steps.run(&title, || measure(parts, &measurement))?, counted);
            }
        }
        page += &table(title, &costs);
    }
    print!("\n{page}");
    fs::write(parts.root.join("benches/TELEMETRY.md"), page)?;
    Ok(())
}

fn table(title: &str, costs: &[Cost]) -> String {
    let mut table = format!("\n## {title}\n\n");
    table +=
        "| telemetry | µs | of nothing told | of the row above | all runs | bytes sent |\n|---|---|---|---|---|---|\n";
    for (nth, ((name, _), cost)) in SETTINGS.iter().zip(costs).enumerate() {
        let of_first = ratio(&cost.of(&costs[0]));
        let of_above = ratio(&cost.of(&costs[nth.saturating_sub(1)]));
        let runs: Vec<String> = cost.micros.iter().map(|run| format!("{run:.2}")).collect();
        let (micros, runs, sent) = (middle(&cost.micros), runs.join(", "), cost.sent);
        table += &format!("| {name} | {micros:.2} | {of_first} | {of_above} | {runs} | {sent:.0} |\n");
    }
    table
}

fn ratio(of_rounds: &[f64]) -> String {
    let least = of_rounds.iter().copied().fold(f64::INFINITY, f64::min);
    let most = of_rounds.iter().copied().fold(0.0, f64::max);
    format!("{:.3} ({least:.2} to {most:.2})", middle(of_rounds))
}
