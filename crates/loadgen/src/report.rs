//! All connections together.

use std::fmt;

use anyhow::{Result, ensure};

use crate::client::Seen;

/// What all connections have seen.
#[derive(Debug, Default)]
pub(crate) struct Report {
    connections: usize,
    failures: Vec<String>,
    late_ms: Vec<u64>,
    missing: usize,
    doubled: usize,
    uneven: usize,
}

impl Report {
    pub(crate) fn add(&mut self, seen: &Seen) {
        self.connections += 1;
        self.late_ms.extend(&seen.late_ms);
        for pair in seen.shown_ms.windows(2) {
            match pair[1].checked_sub(pair[0]) {
                Some(1000) => {}
                Some(0) => self.doubled += 1,
                Some(step) if step % 1000 == 0 => self.missing += usize::try_from(step / 1000).unwrap_or(0) - 1,
                Some(_) | None => self.uneven += 1,
            }
        }
    }

    pub(crate) fn failed(&mut self, error: &anyhow::Error) {
        self.failures.push(format!("{error:#}"));
    }

    /// Is an error if any tick was missing, doubled or off, or any connection failed.
    pub(crate) fn verdict(&self) -> Result<()> {
        let wrong = self.missing + self.doubled + self.uneven + self.failures.len();
        ensure!(wrong == 0 && !self.late_ms.is_empty(), "not every second was shown once to everyone");
        Ok(())
    }

    fn late_at(&self, per_mille: usize) -> u64 {
        let mut sorted = self.late_ms.clone();
        sorted.sort_unstable();
        let place = sorted.len().saturating_sub(1) * per_mille / 1000;
        sorted.get(place).copied().unwrap_or(0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "connections      {}", self.connections)?;
        writeln!(f, "failed           {}", self.failures.len())?;
        for failure in self.failures.iter().take(3) {
            writeln!(f, "                 {failure}")?;
        }
        writeln!(f, "ticks            {}", self.late_ms.len())?;
        writeln!(f, "seconds missing  {}", self.missing)?;
        writeln!(f, "seconds doubled  {}", self.doubled)?;
        writeln!(f, "steps not 1000   {}", self.uneven)?;
        writeln!(
            f,
            "late ms          p50 {}   p99 {}   max {}",
            self.late_at(500),
            self.late_at(990),
            self.late_at(1000)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_doubled_or_off_is_counted() {
        let mut report = Report::default();
        report.add(&Seen { shown_ms: vec![200, 1200, 2200], late_ms: vec![1, 2, 3] });
        assert!(report.verdict().is_ok());
        assert_eq!((report.late_at(500), report.late_at(1000)), (2, 3));
        report.add(&Seen { shown_ms: vec![200, 3200, 3200, 4100, 100], late_ms: vec![] });
        assert_eq!((report.missing, report.doubled, report.uneven), (2, 1, 2));
        assert!(report.verdict().is_err());
    }
}
