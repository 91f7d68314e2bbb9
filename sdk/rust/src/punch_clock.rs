//! Punch clock: a person's working day, with punches IN and OUT.

mod client;
mod day;
mod display;
mod protocol;
mod requests;
mod task;

pub use client::{PunchClockClient, PunchClockEvent, PunchClockSnapshot};
pub use day::{LiveSeconds, live_seconds};
pub use protocol::{
    DailyStats, DayChanges, DayLog, DayLogPage, DayLogPunch, DayLogQuery, Ignored, Pagination, Punch, PunchId,
    PunchStored, WorkDay, WorkStatus,
};

#[cfg(test)]
mod transcript_tests;
