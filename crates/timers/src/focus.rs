//! A person's focus sessions, with idle detection and a score (the Focus contract).

mod command;
mod completions;
mod counters;
mod ended;
mod id;
mod import;
mod interval;
mod limits;
mod refusal;
mod rules;
mod session;
mod spans;
mod stats;
mod status;
mod target;
mod tracking;

pub use command::{FocusCommand, ImportedSession, NewSession, ReportedCounters, SessionChange};
pub use completions::Completions;
pub use counters::{SCORE_MAX, SecondCounters};
pub use ended::EndedSession;
pub use id::{BadFocusId, FocusId};
pub use interval::{FoldedSeconds, Interval, RETURN_WITHIN};
pub use limits::FocusLimits;
pub use refusal::FocusRefusal;
pub use rules::FocusRules;
pub use session::{FocusSession, FocusTick, Tracker};
pub use spans::{Span, Spans};
pub use stats::{FocusStats, RecentEnding};
pub use status::{BadStatus, Ending, OpenStatus};
pub use target::{BadTarget, TargetMinutes};
