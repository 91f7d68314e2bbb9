//! A person's stopwatch sessions with goals (the Clockit contract).

mod canonical;
mod command;
mod finished;
mod goal;
mod limits;
mod refusal;
mod rules;
mod session;
mod stored;

pub use command::{Start, StopwatchCommand};
pub use finished::Finished;
pub use goal::{BadGoal, Goal};
pub use limits::{GOAL_BYTES_MAX, StopwatchLimits};
pub use refusal::StopwatchRefusal;
pub use rules::StopwatchRules;
pub use session::{Stopwatch, StopwatchPhase};
