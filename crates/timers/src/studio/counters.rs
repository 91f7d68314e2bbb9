//! The numbers that an organisation gives next.

use crate::fields::stored_object;
use crate::raw_json::RawJson;
use crate::studio::task_type::TaskTypeId;
use crate::studio::time_entry::EntryId;
use crate::system::ItemType;
use crate::time::Millis;

/// The numbers that an organisation gives next. The commit that writes them makes them unique. An organisation without
/// this item has never been used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudioCounters {
    /// The id of the next task type.
    pub next_type: TaskTypeId,
    /// The id of the next time entry.
    pub next_entry: EntryId,
    /// The number of the next event.
    pub next_event: u64,
    /// Fields of a newer version, kept byte for byte.
    pub unknown_fields: Vec<(String, RawJson)>,
}

stored_object!(StudioCounters { next_type: required, next_entry: required, next_event: required });

impl Default for StudioCounters {
    fn default() -> Self {
        Self { next_type: TaskTypeId(1), next_entry: EntryId::FIRST, next_event: 1, unknown_fields: Vec::new() }
    }
}

impl ItemType for StudioCounters {
    const KIND: &'static str = "studio";
    type Id = ();

    fn id(&self) -> &() {
        &()
    }

    fn move_back(&mut self, _: Millis) {}
}
