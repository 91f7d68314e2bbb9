//! The cost of telemetry: processor time per tick and per mutation without telemetry, with metrics, and with traces.

use std::fs;

use anyhow::Result;
use serde_json::Value;

use super::{BenchSetup, Measurement, System, Telemetry, measure, report};
use crate::steps::Steps;

/// Name of this measurement for `--only`.
pub(super) const NAME: &str = "telemetry";

/// Number of rounds; each round measures every setting. Only runs of one round are compared, because a machine's speed
/// drifts, and the median of the rounds counts.
const ROUNDS: usize = 5;

/// The settings; the cost of each is compared with the first.
const SETTINGS: [(&str, Telemetry); 4] = [
    ("off", Telemetry::Off),
    ("metrics", Telemetry::Scraped),
    ("metrics, traces of 1 %", Telemetry::Traced("0.01")),
    ("metrics, traces of 100 %", Telemetry::Traced("1")),
];

/// The workloads: title, number of nodes, scenario, and the key of the counted operations in the report.
const WORKLOADS: [(&str, usize, &str, &str); 2] = [
    ("a tick, 5,000 connections", 1, "compare", "messages"),
    ("a mutation, displayed on two nodes, with the ticks in between", 2, "mutate", "acks"),
];

/// The cost of one setting.
#[derive(Clone, Default)]
struct Cost {
    /// Microseconds of processor time per operation, one value a round.
    micros: Vec<f64>,
    /// Exported bytes per operation in the last round.
    exported: f64,
}

impl Cost {
    fn add(&mut self, report: &Value, operations: &str) {
        let window = &report["windows"][0];
        let count = report::number(&window[operations]).max(1.0);
        self.micros.push(report::number(&window["processor_seconds"]) * 1e6 / count);
        self.exported = report::number(&report["sentToCollector"]) / count;
    }

    /// Returns the ratio to another setting: the median of the rounds, then the range.
    fn ratio_to(&self, other: &Self) -> String {
        let ratios: Vec<f64> = self.micros.iter().zip(&other.micros).map(|(this, other)| this / other).collect();
        let min = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let max = ratios.iter().copied().fold(0.0, f64::max);
        format!("{:.3} ({min:.2} to {max:.2})", median(&ratios))
    }
}

/// Measures all settings and writes benches/TELEMETRY.md.
pub(super) fn run(setup: &BenchSetup, steps: &mut Steps) -> Result<()> {
    let mut page = String::from(
        "# What telemetry costs\n\nWritten by `cargo xtask bench --only telemetry`: processor time of the nodes, each \
         setting in turn, five rounds. A ratio is the median of the rounds; the brackets give their range. A scraper \
         reads the metrics every 5 s; a collector discards the spans.\n\n",
    );
    page += &report::machine(&setup.root)?;
    for (title, nodes, scenario, operations) in WORKLOADS {
        let mut costs = vec![Cost::default(); SETTINGS.len()];
        for round in 1..=ROUNDS {
            // Every second round runs in reverse order, because a machine's speed drifts.
            let mut order: Vec<usize> = (0..SETTINGS.len()).collect();
            if round % 2 == 0 {
                order.reverse();
            }
            for index in order {
                let ((name, telemetry), cost) = (&SETTINGS[index], &mut costs[index]);
                let system = System::Tickcast { nodes, telemetry: *telemetry };
                let measurement = Measurement { name: NAME, system, scenario };
                let heading = format!("{title}, {name}, {round} of {ROUNDS}");
                cost.add(&steps.run(&heading, || measure(setup, &measurement))?, operations);
            }
        }
        page += &table(title, &costs);
    }
    print!("\n{page}");
    fs::write(setup.root.join("benches/TELEMETRY.md"), page)?;
    Ok(())
}

fn table(title: &str, costs: &[Cost]) -> String {
    let mut table = format!("\n## {title}\n\n");
    table += "| telemetry | µs | ratio to off | ratio to the row above | all rounds | exported bytes |\n\
              |---|---|---|---|---|---|\n";
    for (index, ((name, _), cost)) in SETTINGS.iter().zip(costs).enumerate() {
        let (to_off, to_above) = (cost.ratio_to(&costs[0]), cost.ratio_to(&costs[index.saturating_sub(1)]));
        let rounds = cost.micros.iter().map(|micros| format!("{micros:.2}")).collect::<Vec<_>>().join(", ");
        let (micros, exported) = (median(&cost.micros), cost.exported);
        table += &format!("| {name} | {micros:.2} | {to_off} | {to_above} | {rounds} | {exported:.0} |\n");
    }
    table
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
