//! What clients have seen, counted.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::user::Sight;

/// Longest span that is told apart, in µs: two minutes.
const LONGEST_US: u64 = 120_000_000;

/// How clients fared in one window.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) counts: Counts,
    /// How long after its second a tick came.
    pub(crate) late: Spans,
    /// From when a command was to be sent until another device was shown its change.
    pub(crate) update: Spans,
    /// The same until the last of them was shown it.
    pub(crate) last: Spans,
    /// From the beginning of a connection until all was there.
    pub(crate) ready: Spans,
}

/// What is counted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Messages received.
    pub(crate) messages: u64,
    /// Bytes of them.
    pub(crate) bytes: u64,
    /// Ticks received, one for all sessions of a user and second.
    pub(crate) ticks: u64,
    /// Seconds that a connection was not shown.
    pub(crate) missing: u64,
    /// Seconds that it was shown twice, or out of order.
    pub(crate) doubled: u64,
    /// Commands sent.
    pub(crate) sent: u64,
    /// Commands answered.
    pub(crate) acks: u64,
    /// Commands refused.
    pub(crate) errors: u64,
    /// Connections that could not be made or broke, by the reason.
    pub(crate) failures: BTreeMap<String, u64>,
}

impl Counts {
    pub(crate) fn fail(&mut self, why: &impl std::fmt::Display) {
        *self.failures.entry(why.to_string()).or_default() += 1;
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
        ] {
            *mine += theirs;
        }
        for (why, count) in &other.failures {
            *self.failures.entry(why.clone()).or_default() += count;
        }
    }
}

impl Seen {
    /// Notes that a device was shown a change.
    pub(crate) fn note_update(&mut self, Sight { micros, is_last }: Sight) {
        self.update.note(micros);
        if is_last {
            self.last.note(micros);
        }
    }

    /// Adds what others have seen.
    pub(crate) fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.late.add(&other.late);
        self.update.add(&other.update);
        self.last.add(&other.last);
        self.ready.add(&other.ready);
    }
}

/// Spans of time, in µs, to three digits.
#[derive(Clone, Debug)]
pub(crate) struct Spans(Histogram<u64>);

impl Spans {
    pub(crate) fn note(&mut self, micros: u64) {
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
        self.0.add(&other.0).expect("all have the same bounds");
    }
}

impl Default for Spans {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST_US, 3).expect("good bounds"))
    }
}

impl Serialize for Spans {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let recorded = self.0.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value()));
        serializer.collect_seq(recorded)
    }
}

impl<'de> Deserialize<'de> for Spans {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let recorded = Vec::<(u64, u64)>::deserialize(deserializer)?;
        let mut spans = Self::default();
        for (value, count) in recorded {
            spans.0.saturating_record_n(value, count);
        }
        Ok(spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_travels_and_adds_up() {
        let mut one = Seen { counts: Counts { ticks: 2, ..Counts::default() }, ..Seen::default() };
        one.counts.fail(&"refused");
        (1..=100).for_each(|ms| one.late.note(ms * 1000));
        let mut all: Seen = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        all.add(&one);
        assert_eq!((all.counts.ticks, all.late.count(), all.counts.failures["refused"]), (4, 200, 2));
        assert!((all.late.ms_at(0.5) - 50.0).abs() < 0.1 && (all.late.ms_at(1.0) - 100.0).abs() < 0.2);
    }
}
