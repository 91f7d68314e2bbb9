//! The durations that the engine reports, as histograms.

use std::time::Duration;

use engine::telemetry::{Answer, Operation, Timing};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};

/// Bucket bounds in seconds for the store and for commands: from the microseconds of a memory store to the time budget of
/// a command.
pub(super) const WORK_SECONDS: [f64; 13] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Bucket bounds in seconds for the lateness of a beat: up to two seconds, after which a beat is no longer shown.
const BEAT_SECONDS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0];

/// Bucket bounds in seconds for the lateness of a deadline.
const DEADLINE_SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 60.0, 600.0];

/// The histograms of the durations that the engine reports.
pub(crate) struct Timings {
    store: Histogram<f64>,
    /// The labels of each operation and answer.
    store_labels: Vec<[KeyValue; 2]>,
    beat: Histogram<f64>,
    tick: Histogram<f64>,
    signal: Histogram<f64>,
    update: Histogram<f64>,
    deadline: Histogram<f64>,
}

impl Timings {
    pub(crate) fn new(meter: &Meter) -> Self {
        let histogram = |name: &'static str, description: &'static str, bounds: &[f64]| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(description)
                .with_boundaries(bounds.to_vec())
                .build()
        };
        let labels = |operation: &Operation| {
            let operation = KeyValue::new("operation", operation.name());
            Answer::ALL.map(|answer| [operation.clone(), KeyValue::new("answer", answer.name())])
        };
        Self {
            store: histogram("tickcast.store.duration", "Response time of the store", &WORK_SECONDS),
            store_labels: Operation::ALL.iter().flat_map(labels).collect(),
            beat: histogram("tickcast.beat.lag", "From a second to the start of its fan-out", &BEAT_SECONDS),
            tick: histogram(
                "tickcast.tick.lateness",
                "From a second to its ticks being written, one observation per batch of up to 32 scopes",
                &BEAT_SECONDS,
            ),
            signal: histogram(
                "tickcast.signal.lag",
                "Pub/sub latency of a beat, beyond the quickest answer of the last minute",
                &BEAT_SECONDS,
            ),
            update: histogram(
                "tickcast.update.lag",
                "From the decision of a change on another node to its display on this one",
                &BEAT_SECONDS,
            ),
            deadline: histogram("tickcast.deadline.lateness", "From a deadline to its execution", &DEADLINE_SECONDS),
        }
    }

    pub(crate) fn record(&self, timing: Timing, duration: Duration) {
        let seconds = duration.as_secs_f64();
        match timing {
            Timing::Store(operation, answer) => {
                let index = operation as usize * Answer::ALL.len() + answer as usize;
                self.store.record(seconds, &self.store_labels[index]);
            }
            Timing::Beat => self.beat.record(seconds, &[]),
            Timing::Tick => self.tick.record(seconds, &[]),
            Timing::Signal => self.signal.record(seconds, &[]),
            Timing::Update => self.update.record(seconds, &[]),
            Timing::Deadline => self.deadline.record(seconds, &[]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_operations_and_answers_is_that_of_the_labels() {
        assert!(Operation::ALL.iter().enumerate().all(|(index, operation)| *operation as usize == index));
        assert!(Answer::ALL.iter().enumerate().all(|(index, answer)| *answer as usize == index));
    }
}
