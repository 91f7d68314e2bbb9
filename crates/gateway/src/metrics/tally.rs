//! Counts by labels of few values, all of which are there from the beginning: what never happened is a zero, and not a
//! gap.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::KeyValue;
use opentelemetry::metrics::AsyncInstrument;

/// What is told apart in a count.
pub(crate) trait Label: Copy + Send + Sync + 'static {
    /// All there are.
    const ALL: &[Self];

    /// Returns its place among them.
    fn index(self) -> usize;

    /// Returns what it is called.
    fn attributes(self) -> Vec<KeyValue>;
}

/// A count for each value of a label.
pub(crate) struct Tally<L> {
    counts: Box<[AtomicU64]>,
    label: PhantomData<L>,
}

impl<L: Label> Default for Tally<L> {
    fn default() -> Self {
        Self { counts: L::ALL.iter().map(|_| AtomicU64::new(0)).collect(), label: PhantomData }
    }
}

impl<L: Label> Tally<L> {
    pub(crate) fn add(&self, label: L, count: u64) {
        if count > 0 {
            self.counts[label.index()].fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(crate) fn take_away(&self, label: L) {
        self.counts[label.index()].fetch_sub(1, Ordering::Relaxed);
    }

    /// Tells all counts.
    pub(crate) fn observe(&self, instrument: &dyn AsyncInstrument<u64>) {
        for label in L::ALL {
            instrument.observe(self.counts[label.index()].load(Ordering::Relaxed), &label.attributes());
        }
    }
}
