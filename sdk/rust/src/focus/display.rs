//! What is displayed of a session: its document, the commands that wait, and the seconds that pass by the local clock.

use crate::focus::model::{FocusModel, UncountedSeconds};
use crate::focus::protocol::FocusStatus;

/// A command that waits: a session and the status that it will have.
pub(crate) type PendingStatus = (String, FocusStatus);

/// See the module. The parts of the displayed model are the same objects until they change.
#[derive(Default)]
pub(crate) struct FocusDisplay {
    source: FocusModel,
    pending: Vec<PendingStatus>,
    more: UncountedSeconds,
    shown: FocusModel,
}

impl FocusDisplay {
    /// Returns what is displayed.
    pub(crate) fn show(
        &mut self,
        model: &FocusModel,
        pending: Vec<PendingStatus>,
        more: UncountedSeconds,
    ) -> &FocusModel {
        if *model != self.source || pending != self.pending || more != self.more {
            let mut shown = model.clone();
            for (session_id, status) in &pending {
                shown.apply_pending(session_id, *status);
            }
            if shown.status() == Some(FocusStatus::Active) {
                shown.continue_locally(more);
            }
            (self.source, self.pending, self.more, self.shown) = (model.clone(), pending, more, shown);
        }
        &self.shown
    }
}
