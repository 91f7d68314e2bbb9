//! The clients' observations in one window.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::user::UpdateDelivery;

/// Longest recorded duration, in µs: two minutes; longer ones count as this.
const DURATION_MAX_US: u64 = 120_000_000;

/// The clients' observations in one window.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Observations {
    pub(crate) counts: Counts,
    /// Delay of ticks after their second.
    pub(crate) late: Durations,
    /// Time from the scheduled sending of a command until another device received its change.
    pub(crate) update: Durations,
    /// Time until the last other device received the change.
    pub(crate) last: Durations,
    /// Time from the start of a connection until its state is complete.
    pub(crate) ready: Durations,
    /// Time from when a heartbeat is due until its answer.
    #[serde(default)]
    pub(crate) heartbeat: Durations,
    /// Time from when a post is due until its answer.
    #[serde(default)]
    pub(crate) post: Durations,
}

/// Event counts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Messages received.
    pub(crate) messages: u64,
    /// Bytes received.
    pub(crate) bytes: u64,
    /// Ticks received; one tick per user and second, for all sessions.
    pub(crate) ticks: u64,
    /// Seconds without a tick.
    pub(crate) missing: u64,
    /// Ticks received twice or out of order.
    pub(crate) doubled: u64,
    /// Commands sent.
    pub(crate) sent: u64,
    /// Commands acknowledged.
    pub(crate) acks: u64,
    /// Commands rejected.
    pub(crate) errors: u64,
    /// Activities sent.
    #[serde(default)]
    pub(crate) activities: u64,
    /// Ended sessions that were compared with what the generator expects.
    #[serde(default)]
    pub(crate) compared: u64,
    /// Compared sessions of which several counters are possible, because answers came late.
    #[serde(default)]
    pub(crate) uncertain: u64,
    /// Compared sessions that the server counted wrong.
    #[serde(default)]
    pub(crate) wrong: u64,
    /// Failed and broken connections, by reason.
    pub(crate) failures: BTreeMap<String, u64>,
}

impl Counts {
    pub(crate) fn fail(&mut self, reason: &impl std::fmt::Display) {
        *self.failures.entry(reason.to_string()).or_default() += 1;
    }

    fn add(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.messages, other.messages),
            (&mut self.bytes, other.bytes),
            (&mut self.ticks, other.ticks),
            (&mut self.missing, other.missing),
            (&mut self.doubled, other.doubled),
            (&mut self.sent, other.sent),
            (&mut self.acks, other.acks),
            (&mut self.errors, other.errors),
            (&mut self.activities, other.activities),
            (&mut self.compared, other.compared),
            (&mut self.uncertain, other.uncertain),
            (&mut self.wrong, other.wrong),
        ] {
            *mine += theirs;
        }
        for (reason, count) in &other.failures {
            *self.failures.entry(reason.clone()).or_default() += count;
        }
    }
}

impl Observations {
    /// Records that a device received a change.
    pub(crate) fn record_update(&mut self, UpdateDelivery { micros, is_last }: UpdateDelivery) {
        self.update.record(micros);
        if is_last {
            self.last.record(micros);
        }
    }

    /// Adds the observations of another worker.
    pub(crate) fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.late.add(&other.late);
        self.update.add(&other.update);
        self.last.add(&other.last);
        self.ready.add(&other.ready);
        self.heartbeat.add(&other.heartbeat);
        self.post.add(&other.post);
    }
}

/// A histogram of durations, in µs, with three significant digits.
#[derive(Clone, Debug)]
pub(crate) struct Durations(Histogram<u64>);

impl Durations {
    pub(crate) fn record(&mut self, micros: u64) {
        self.0.saturating_record(micros);
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// Returns a quantile, in ms.
    pub(crate) fn ms_at(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1000.0
    }

    fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all histograms have the same bounds");
    }
}

impl Default for Durations {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, DURATION_MAX_US, 3).expect("valid bounds"))
    }
}

impl Serialize for Durations {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let recorded = self.0.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value()));
        serializer.collect_seq(recorded)
    }
}

impl<'de> Deserialize<'de> for Durations {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let recorded = Vec::<(u64, u64)>::deserialize(deserializer)?;
        let mut durations = Self::default();
        for (value, count) in recorded {
            durations.0.saturating_record_n(value, count);
        }
        Ok(durations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observations_survive_serialization_and_add_up() {
        let mut one = Observations { counts: Counts { ticks: 2, ..Counts::default() }, ..Observations::default() };
        one.counts.fail(&"refused");
        (1..=100).for_each(|ms| one.late.record(ms * 1000));
        let mut all: Observations = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        all.add(&one);
        assert_eq!((all.counts.ticks, all.late.count(), all.counts.failures["refused"]), (4, 200, 2));
        assert!((all.late.ms_at(0.5) - 50.0).abs() < 0.1 && (all.late.ms_at(1.0) - 100.0).abs() < 0.2);
    }
}
