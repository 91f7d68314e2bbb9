//! Why the rules refuse a command about a person's day.

use crate::calendar::LocalDate;

/// Why the rules refuse a command about a person's day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PunchClockRefusal {
    /// The command was made for another zone than the person's. The caller makes it anew.
    #[error("the zone has changed meanwhile; try again")]
    ZoneChanged,
    /// A day has ended since the command was made. The caller makes it anew.
    #[error("the day has changed meanwhile; try again")]
    DayChanged,
    /// An archived day that the command needs cannot be read by this version.
    #[error("an archived day cannot be read")]
    UnreadableDay,
    /// A day would have more punches than it can have.
    #[error("{0} would have more punches than a day can have, which is {1}")]
    DayFull(LocalDate, usize),
}
