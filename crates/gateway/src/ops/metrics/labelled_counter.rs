//! Counters with labels of few values. All values exist from the start, so that a count without events is 0 and not absent.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::KeyValue;
use opentelemetry::metrics::AsyncInstrument;

/// The label of a counter, a type of few values.
pub(crate) trait Label: Copy + Send + Sync + 'static {
    /// Returns all values.
    fn all() -> &'static [Self];

    /// Returns the index of this value in [`Self::all`].
    fn index(self) -> usize;

    /// Returns the attributes of this value in metrics.
    fn attributes(self) -> Vec<KeyValue>;
}

/// A count for each value of a label.
pub(crate) struct LabelledCounter<L> {
    counts: Box<[AtomicU64]>,
    label: PhantomData<L>,
}

impl<L: Label> Default for LabelledCounter<L> {
    fn default() -> Self {
        Self { counts: L::all().iter().map(|_| AtomicU64::new(0)).collect(), label: PhantomData }
    }
}

impl<L: Label> LabelledCounter<L> {
    pub(crate) fn add(&self, label: L, count: u64) {
        if count > 0 {
            self.counts[label.index()].fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(crate) fn subtract_one(&self, label: L) {
        self.counts[label.index()].fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self, label: L) -> u64 {
        self.counts[label.index()].load(Ordering::Relaxed)
    }

    /// Reports all counts to an instrument.
    pub(crate) fn observe(&self, instrument: &dyn AsyncInstrument<u64>) {
        for label in L::all() {
            instrument.observe(self.get(*label), &label.attributes());
        }
    }
}
