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

/// Registers gauges, which are read as long as `observed` exists.
pub(super) fn gauges<T: Send + Sync + 'static>(meter: &Meter, observed: &Arc<T>, gauges: &[Observation<T>]) {
    register_gauges(meter, observed, gauges, None);
}

/// Registers gauges of bytes, which are read as long as `observed` exists.
pub(super) fn byte_gauges<T: Send + Sync + 'static>(meter: &Meter, observed: &Arc<T>, gauges: &[Observation<T>]) {
    register_gauges(meter, observed, gauges, Some("By"));
}

fn register_gauges<T: Send + Sync + 'static>(
    meter: &Meter,
    observed: &Arc<T>,
    gauges: &[Observation<T>],
    unit: Option<&'static str>,
) {
    for (name, description, read) in gauges.iter().copied() {
        let observed: Weak<T> = Arc::downgrade(observed);
        let gauge = meter.u64_observable_gauge(name).with_description(description);
        let gauge = if let Some(unit) = unit { gauge.with_unit(unit) } else { gauge };
        gauge
            .with_callback(move |gauge| {
                if let Some(observed) = observed.upgrade() {
                    gauge.observe(read(&observed), &[]);
                }
            })
            .build();
    }
}
