//! The final table of scenarios.

use std::time::Duration;

use super::run::ScenarioOutcome;

/// The results of the repeats of one scenario: sums of counts, and the worst of measurements.
#[derive(Debug)]
pub(crate) struct ScenarioRow {
    pub(crate) scenario: &'static str,
    pub(crate) violations: usize,
    repeats: usize,
    commands: usize,
    longest_gap: Duration,
    converged_after: Duration,
    away: [Duration; 3],
    peak: f64,
    failed_dials: usize,
    dials: usize,
}

impl ScenarioRow {
    pub(crate) fn new(scenario: &'static str, outcome: &ScenarioOutcome) -> Self {
        let mut row = Self {
            scenario,
            violations: 0,
            repeats: 0,
            commands: 0,
            longest_gap: Duration::ZERO,
            converged_after: Duration::ZERO,
            away: [Duration::ZERO; 3],
            peak: 0.0,
            failed_dials: 0,
            dials: 0,
        };
        row.add(outcome);
        row
    }

    /// Adds a repeat.
    pub(crate) fn add(&mut self, outcome: &ScenarioOutcome) {
        self.repeats += 1;
        self.violations += outcome.outcome.violations.len();
        self.commands += outcome.outcome.commands;
        self.longest_gap = self.longest_gap.max(outcome.outcome.longest_gap);
        self.converged_after = self.converged_after.max(outcome.outcome.converged_after);
        for (most, share) in self.away.iter_mut().zip([0.5, 0.99, 1.0]) {
            *most = outcome.connections.away_at(share).max(*most);
        }
        let many = outcome.paces.iter().filter(|pace| pace.is_of_many());
        let peaks = many.map(|pace| pace.peak as f64 / pace.mean);
        self.peak = peaks.fold(self.peak, f64::max);
        self.failed_dials += outcome.tally.failures.values().sum::<usize>();
        self.dials += outcome.tally.dials;
    }
}

/// Returns the table.
pub(crate) fn table(rows: &[ScenarioRow]) -> String {
    let mut table = format!(
        "{:<18} {:>7} {:>10} {:>8} {:>9} {:>9} {:>24} {:>9} {:>12}\n",
        "scenario",
        "repeats",
        "violations",
        "commands",
        "gap",
        "converge",
        "away p50/p99/max",
        "peak/mean",
        "failed dials"
    );
    for row in rows {
        let seconds = |duration: Duration| format!("{:.2} s", duration.as_secs_f64());
        let away = row.away.map(|it| format!("{:.2}", it.as_secs_f64())).join("/");
        table += &format!(
            "{:<18} {:>7} {:>10} {:>8} {:>9} {:>9} {:>22} s {:>9.2} {:>12}\n",
            row.scenario,
            row.repeats,
            row.violations,
            row.commands,
            seconds(row.longest_gap),
            seconds(row.converged_after),
            away,
            row.peak,
            format!("{}/{}", row.failed_dials, row.dials)
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_all_columns() {
        let mut outcome = ScenarioOutcome::default();
        outcome.outcome.commands = 42;
        outcome.outcome.longest_gap = Duration::from_millis(1340);
        outcome.connections.away = vec![Duration::from_millis(500); 2];
        outcome.tally.dials = 9;
        let mut row = ScenarioRow::new("rollback", &outcome);
        row.add(&outcome);
        let table = table(&[row]);
        let words: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
        let expected = ["rollback", "2", "0", "84", "1.34", "s", "0.00", "s", "0.50/0.50/0.50", "s", "0.00", "0/18"];
        assert_eq!(words, expected);
    }
}
