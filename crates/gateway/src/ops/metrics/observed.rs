//! Metrics that are read from the state of the process when they are collected.

use std::sync::{Arc, Weak};

use opentelemetry::metrics::Meter;

/// A metric of a `T`: its name, its description, and the function that reads it.
pub(super) type Observation<T> = (&'static str, &'static str, fn(&T) -> u64);

/// Registers counters, which are read as long as `observed` exists.
pub(super) fn counters<T: Send + Sync + 'static>(meter: &Meter, observed: &Arc<T>, counters: &[Observation<T>]) {
    for (name, description, read) in counters.iter().copied() {
        let observed: Weak<T> = Arc::downgrade(observed);
        let counter = meter.u64_observable_counter(name).with_description(description);
        counter
            .with_callback(move |counter| {
                if let Some(observed) = observed.upgrade() {
                    counter.observe(read(&observed), &[]);
                }
            })
            .build();
    }
}

/// Registers gauges, which are read as long as `observed` exists. `unit` is a code of UCUM, such as `By` for bytes and `s` for
/// seconds; empty for numbers.
pub(super) fn gauges<T: Send + Sync + 'static>(
    meter: &Meter,
    observed: &Arc<T>,
    unit: &'static str,
    gauges: &[Observation<T>],
) {
    for (name, description, read) in gauges.iter().copied() {
        let observed: Weak<T> = Arc::downgrade(observed);
        let gauge = meter.u64_observable_gauge(name).with_description(description).with_unit(unit);
        gauge
            .with_callback(move |gauge| {
                if let Some(observed) = observed.upgrade() {
                    gauge.observe(read(&observed), &[]);
                }
            })
            .build();
    }
}
