//! How long things of the engine take.

use std::time::Duration;

use engine::telemetry::{Answer, Operation, Timing};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};

/// Upper bounds of what a store and a command take, seconds: from a memory store's microseconds to a command's life.
pub(super) const WORK_SECONDS: [f64; 13] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Upper bounds of how late a second is, seconds: to two seconds, after which it is not shown any more.
const LATE_SECONDS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0];

/// Upper bounds of how late a deadline is, seconds.
const DEADLINE_SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 60.0, 600.0];

/// How long things of the engine take.
pub(crate) struct Timings {
    store: Histogram<f64>,
    /// The labels of each operation and answer, made once.
    of_store: Vec<[KeyValue; 2]>,
    beat: Histogram<f64>,
    tick: Histogram<f64>,
    signal: Histogram<f64>,
    update: Histogram<f64>,
    deadline: Histogram<f64>,
}

impl Timings {
    pub(crate) fn new(meter: &Meter) -> Self {
        let histogram = |name: &'static str, what: &'static str, bounds: &[f64]| {
            meter.f64_histogram(name).with_unit("s").with_description(what).with_boundaries(bounds.to_vec()).build()
        };
        let labels = |operation: &Operation| {
            let operation = KeyValue::new("operation", operation.name());
            Answer::ALL.map(|answer| [operation.clone(), KeyValue::new("answer", answer.name())])
        };
        Self {
            store: histogram("tickcast.store.duration", "How long the store takes to answer", &WORK_SECONDS),
            of_store: Operation::ALL.iter().flat_map(labels).collect(),
            beat: histogram("tickcast.beat.lag", "From a second to the beginning of its fan-out", &LATE_SECONDS),
            tick: histogram(
                "tickcast.tick.lateness",
                "From a second to when ticks of it were written; each observation is a batch of up to 32 scopes",
                &LATE_SECONDS,
            ),
            signal: histogram(
                "tickcast.signal.lag",
                "How long a beat was on its way by pub/sub, beyond the quickest answer of the last minute",
                &LATE_SECONDS,
            ),
            update: histogram(
                "tickcast.update.lag",
                "From the decision of a change on another node to when it was shown here",
                &LATE_SECONDS,
            ),
            deadline: histogram(
                "tickcast.deadline.lateness",
                "From a deadline to when what it stands for was carried out",
                &DEADLINE_SECONDS,
            ),
        }
    }

    pub(crate) fn took(&self, what: Timing, took: Duration) {
        let seconds = took.as_secs_f64();
        match what {
            Timing::Store(operation, answer) => {
                let place = operation as usize * Answer::ALL.len() + answer as usize;
                self.store.record(seconds, &self.of_store[place]);
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
    fn each_operation_and_answer_has_its_place() {
        assert!(Operation::ALL.iter().enumerate().all(|(place, operation)| *operation as usize == place));
        assert!(Answer::ALL.iter().enumerate().all(|(place, answer)| *answer as usize == place));
    }
}
