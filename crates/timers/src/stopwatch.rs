//! A person's stopwatch sessions with goals (the Clockit contract).

mod command;
mod finished;
mod goal;
mod rules;
mod session;
mod stored;

pub use command::{Command, Start};
pub use finished::Finished;
pub use goal::{BadGoal, Goal};
pub(crate) use rules::{apply, settle};
pub use session::{Phase, Stopwatch};
