//! Clockit: a person's stopwatch sessions.

mod change;
mod client;
mod history;
mod model;
mod protocol;
mod task;

pub use change::{ChangeKind, SessionChange};
pub use client::{ClockitClient, ClockitEvent, ClockitSnapshot};
pub use history::{
    ClockitHistory, CsvForm, FinishedSession, HistoryPage, HistoryQuery, ImportError, Imported, RowFault,
};
pub use model::{Session, SessionPhase};
pub use protocol::{Acknowledged, Goal, SessionStart, SessionState};

#[cfg(test)]
mod transcript_tests;
