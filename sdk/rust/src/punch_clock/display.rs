//! The displayed day: the same object until the day or the punches that wait change.

use std::sync::Arc;

use crate::outbox::Command;
use crate::punch_clock::day::with_punches;
use crate::punch_clock::protocol::WorkDay;

/// See the module.
#[derive(Default)]
pub(crate) struct DayDisplay {
    last: Option<Shown>,
}

struct Shown {
    stored: Arc<WorkDay>,
    waiting: Vec<String>,
    day: Arc<WorkDay>,
}

impl DayDisplay {
    /// Returns the day with the punches that wait.
    pub(crate) fn show<'c>(
        &mut self,
        stored: &Arc<WorkDay>,
        commands: impl Iterator<Item = &'c Command> + Clone,
    ) -> Arc<WorkDay> {
        let is_same = |last: &&Shown| {
            Arc::ptr_eq(&last.stored, stored) && commands.clone().map(|command| &command.id).eq(&last.waiting)
        };
        if let Some(last) = self.last.as_ref().filter(is_same) {
            return Arc::clone(&last.day);
        }
        let punches = commands.clone().filter_map(|command| command.payload.pointer("/entries/0"));
        let punches = punches.filter_map(|punch| serde_json::from_value(punch.clone()).ok());
        let day = Arc::new(with_punches(stored, punches));
        let waiting = commands.map(|command| command.id.clone()).collect();
        self.last = Some(Shown { stored: Arc::clone(stored), waiting, day: Arc::clone(&day) });
        day
    }
}
