//! Focus: a person's focus sessions, with idle detection and a score.

mod client;
mod commands;
mod counting;
mod display;
mod documents;
mod model;
mod options;
mod protocol;
mod requests;
mod score;
mod task;
mod tracking;

pub use client::{FocusClient, FocusEvent, FocusSnapshot};
pub use model::{ActivityKind, ActivityRun};
pub use options::FocusOptions;
pub use protocol::{
    FocusCounters, FocusEnding, FocusListQuery, FocusSession, FocusSessionChange, FocusStats, FocusStatus,
    NewFocusSession,
};
pub use score::{FocusScore, explain_score};

#[cfg(test)]
mod transcript_tests;
