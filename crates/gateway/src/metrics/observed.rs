//! Figures that are read when somebody asks for them.

use std::sync::{Arc, Weak};

use opentelemetry::metrics::Meter;

/// A figure of something: its name, what it is, and how it is read.
pub(super) type Figure<T> = (&'static str, &'static str, fn(&T) -> u64);

/// Has counts read that only grow, as long as that which has them is there.
pub(super) fn counters<T: Send + Sync + 'static>(meter: &Meter, of: &Arc<T>, figures: &[Figure<T>]) {
    for (name, what, read) in figures.iter().copied() {
        let of: Weak<T> = Arc::downgrade(of);
        let counter = meter.u64_observable_counter(name).with_description(what);
        counter.with_callback(move |counter| of.upgrade().iter().for_each(|of| counter.observe(read(of), &[]))).build();
    }
}

/// Has what is so now read, as long as that which it is of is there.
pub(super) fn gauges<T: Send + Sync + 'static>(meter: &Meter, of: &Arc<T>, figures: &[Figure<T>]) {
    for (name, what, read) in figures.iter().copied() {
        let of: Weak<T> = Arc::downgrade(of);
        let gauge = meter.u64_observable_gauge(name).with_description(what);
        gauge.with_callback(move |gauge| of.upgrade().iter().for_each(|of| gauge.observe(read(of), &[]))).build();
    }
}
