//! An organisation's timed work with costs (the Studio contract).

mod command;
mod counters;
mod event;
mod import;
mod limits;
mod money;
mod refusal;
mod repair;
mod rules;
mod task_type;
mod time_entry;

pub use command::{Adjustment, Import, NewEntry, NewTaskType, StudioCommand, TaskTypeChange};
pub use counters::StudioCounters;
pub use event::{EVENTS_KEPT, EventKind, StudioEvent};
pub use limits::StudioLimits;
pub use money::{BadRate, Cost, Rate, Total, whole_minutes};
pub use refusal::StudioRefusal;
pub use repair::{EntryRepair, repair_entries};
pub use rules::StudioRules;
pub use task_type::{Category, TaskType, TaskTypeId};
pub use time_entry::{EntryId, Target, TargetKind, TimeEntry};
