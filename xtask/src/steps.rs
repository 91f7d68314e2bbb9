//! Steps with a heading each, and a table of their durations at the end.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The steps run so far.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

struct Step {
    heading: String,
    took: Duration,
    passed: bool,
}

/// Runs steps until one fails, and prints their table either way.
pub(crate) fn all(work: impl FnOnce(&mut Steps) -> Result<()>) -> Result<()> {
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
        self.done.push(Step { heading: heading.to_owned(), took: start.elapsed(), passed: outcome.is_ok() });
        outcome.with_context(|| format!("step `{heading}`"))
    }

    fn table(&self) -> String {
        let mut table = String::new();
        for step in &self.done {
            let result = if step.passed { "ok    " } else { "FAILED" };
            let seconds = step.took.as_secs_f64();
            table += &format!("{result} {seconds:>8.1} s  {}\n", step.heading);
        }
        let total: Duration = self.done.iter().map(|step| step.took).sum();
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
        let outcome = all(|steps| {
            steps.run("first", || -> Result<()> { bail!("broken") })?;
            reached = true;
            Ok(())
        });
        assert!(!reached);
        assert_eq!(format!("{:#}", outcome.unwrap_err()), "step `first`: broken");
    }

    #[test]
    fn the_table_tells_which_step_failed() {
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
