//! The statuses of focus sessions.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::history::IndexTerm;

/// The status of a session that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenStatus {
    /// Seconds count while a socket tracks the session.
    Active,
    /// No second counts.
    Paused,
}

/// How a session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The person has finished it.
    Completed,
    /// The person has given it up.
    Abandoned,
    /// The person has called it off.
    Cancelled,
}

/// Why a text is not a status of the kind that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid status")]
pub struct BadStatus;

impl OpenStatus {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Active, Self::Paused];

    /// Returns the name in all texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
        }
    }
}

impl Ending {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Completed, Self::Abandoned, Self::Cancelled];

    /// Returns the name in all texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Abandoned => "abandoned",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns the index term of the rows of sessions that have ended so.
    pub fn term(self) -> IndexTerm {
        IndexTerm::of("status", self.as_str())
    }
}

impl FromStr for OpenStatus {
    type Err = BadStatus;

    fn from_str(text: &str) -> Result<Self, BadStatus> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(BadStatus)
    }
}

impl FromStr for Ending {
    type Err = BadStatus;

    fn from_str(text: &str) -> Result<Self, BadStatus> {
        Self::ALL.into_iter().find(|ending| ending.as_str() == text).ok_or(BadStatus)
    }
}
