//! Steps of a command, each with a heading, and a table of their durations.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The completed steps.
#[derive(Default)]
pub(crate) struct Steps {
    completed: Vec<Step>,
}

struct Step {
    heading: String,
    duration: Duration,
    passed: bool,
}

/// Runs steps until one fails, and prints their table in either case.
pub(crate) fn run_all(work: impl FnOnce(&mut Steps) -> Result<()>) -> Result<()> {
    let mut steps = Steps::default();
    let outcome = work(&mut steps);
    print!("\n{}", steps.table());
    outcome
}

impl Steps {
    pub(crate) fn run<T>(&mut self, heading: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("\n=== {heading} ===");
        let start = Instant::now();
        let outcome = work();
        self.completed.push(Step { heading: heading.to_owned(), duration: start.elapsed(), passed: outcome.is_ok() });
        outcome.with_context(|| format!("step `{heading}`"))
    }

    fn table(&self) -> String {
        let mut table = String::new();
        for step in &self.completed {
            let result = if step.passed { "ok    " } else { "FAILED" };
            let seconds = step.duration.as_secs_f64();
            table += &format!("{result} {seconds:>8.1} s  {}\n", step.heading);
        }
        let total: Duration = self.completed.iter().map(|step| step.duration).sum();
        table + &format!("total  {:>8.1} s\n", total.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn nothing_runs_after_a_failed_step() {
        let mut reached = false;
        let outcome = run_all(|steps| {
            steps.run("first", || -> Result<()> { bail!("broken") })?;
            reached = true;
            Ok(())
        });
        assert!(!reached);
        assert_eq!(format!("{:#}", outcome.unwrap_err()), "step `first`: broken");
    }

    #[test]
    fn the_table_shows_the_failed_step() {
        let mut steps = Steps::default();
        steps.run("one", || Ok(())).unwrap();
        steps.run("two", || -> Result<()> { bail!("broken") }).unwrap_err();
        let table = steps.table();
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[0].starts_with("ok") && lines[0].ends_with("one"), "{table}");
        assert!(lines[1].starts_with("FAILED") && lines[1].ends_with("two"), "{table}");
        assert!(lines[2].starts_with("total"), "{table}");
    }
}
