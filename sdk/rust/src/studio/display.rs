//! The displayed entries: the same list until an entry or the second changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::studio::model::{ActiveEntry, RunningEntry, StudioModel};

/// See the module.
#[derive(Default)]
pub(crate) struct EntryDisplay {
    source: Arc<BTreeMap<i64, Arc<ActiveEntry>>>,
    beat_ms: i64,
    shown: Arc<Vec<RunningEntry>>,
}

impl EntryDisplay {
    /// Displays the entries at a whole second of the server's time.
    pub(crate) fn show(&mut self, model: &StudioModel, beat_ms: i64) {
        let is_same = Arc::ptr_eq(&self.source, &model.entries);
        if is_same && (self.source.is_empty() || self.beat_ms == beat_ms) {
            return;
        }
        (self.source, self.beat_ms) = (Arc::clone(&model.entries), beat_ms);
        self.shown = Arc::new(model.display(beat_ms));
    }

    pub(crate) fn shown(&self) -> Arc<Vec<RunningEntry>> {
        Arc::clone(&self.shown)
    }
}
