//! Why the rules refuse a command about a room.

/// Why the rules refuse a command about a room. A retry does not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoomRefusal {
    /// The room does not exist, or has ended.
    #[error("there is no such room")]
    UnknownRoom,
    /// The room's id is in use.
    #[error("there is such a room already")]
    RoomTaken,
    /// The room has as many members as the limit.
    #[error("a room takes at most {0} members")]
    RoomFull(usize),
    /// The name has more characters than the limit.
    #[error("name is longer than {0} characters")]
    NameTooLong(usize),
    /// The duration is zero, or longer than a day.
    #[error("Duration must be a positive number")]
    InvalidDuration,
    /// The end would move by more than an hour, or to more than a day from now.
    #[error("seconds must move the end by an hour at most, and leave a day at most")]
    InvalidSeconds,
}
