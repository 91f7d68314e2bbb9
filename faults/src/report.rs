//! The final table.

use std::time::Duration;

/// The results of the repeats of one fault.
pub(crate) struct Row {
    pub(crate) fault: &'static str,
    pub(crate) repeats: u64,
    pub(crate) violations: usize,
    pub(crate) commands: usize,
    pub(crate) longest_gap: Duration,
    /// Time from the heal until convergence; of the slowest repeat.
    pub(crate) converged_after: Duration,
}

/// Returns the table.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut table = format!(
        "{:<25} {:>7} {:>10} {:>8} {:>11} {:>16}\n",
        "fault", "repeats", "violations", "commands", "longest gap", "time to converge"
    );
    for row in rows {
        table += &format!(
            "{:<25} {:>7} {:>10} {:>8} {:>9.2} s {:>14.2} s\n",
            row.fault,
            row.repeats,
            row.violations,
            row.commands,
            row.longest_gap.as_secs_f64(),
            row.converged_after.as_secs_f64()
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_all_columns() {
        let row = Row {
            fault: "kill-node",
            repeats: 3,
            violations: 1,
            commands: 42,
            longest_gap: Duration::from_millis(1340),
            converged_after: Duration::from_millis(2500),
        };
        let table = table(&[row]);
        let words: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words, ["kill-node", "3", "1", "42", "1.34", "s", "2.50", "s"]);
    }
}
