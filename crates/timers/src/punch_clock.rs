//! A person's working day (the Punch clock contract).

mod archive;
mod command;
mod day;
mod import;
mod limits;
mod log;
mod place;
mod punch;
mod refusal;
mod rules;
mod standing;
mod theme;
mod totals;

pub use command::{DayImport, NewPerson, Profile, PunchClockCommand, Save, SavedLog, ThemeChoice};
pub use day::PunchDay;
pub use limits::PunchClockLimits;
pub use log::DayLog;
pub use punch::{BadPunchId, Punch, PunchId, PunchKind};
pub use refusal::PunchClockRefusal;
pub use rules::PunchClockRules;
pub use standing::{IgnoredReason, Standing};
pub use theme::{THEME_DEFAULT, Themes};
pub use totals::{COMPLETE_AFTER, DayTotals};
