//! Why the rules refuse a command about a person's day.

/// Why the rules refuse a command about a person's day. The caller decides it again with a fresh zone and date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PunchClockRefusal {
    /// The command was made for another zone than the person's.
    #[error("the zone has changed meanwhile; try again")]
    ZoneChanged,
    /// A day has ended since the command was made.
    #[error("the day has changed meanwhile; try again")]
    DayChanged,
    /// An archived day that the command needs cannot be read by this version.
    #[error("an archived day cannot be read")]
    UnreadableDay,
}
