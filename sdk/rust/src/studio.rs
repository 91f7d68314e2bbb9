//! Studio: an organisation's timed work with costs.

mod calls;
mod client;
mod display;
mod input;
mod model;
mod money;
mod protocol;
mod recent_events;
mod task;

pub use client::{StudioClient, StudioEvent, StudioSnapshot};
pub use input::{EntryAdjustment, EntryFilter, EntryTarget, NewEntry, NewTaskType, TaskTypeChange};
pub use model::{ActiveEntry, RunningEntry};
pub use money::{cost_of, whole_minutes};
pub use protocol::{
    Category, EntryList, EntryStats, MemberId, TaskType, TimeEntry, TimerAdjusted, TimerCost, TimerEvent, TimerStarted,
    TimerStopped,
};

#[cfg(test)]
mod transcript_tests;
