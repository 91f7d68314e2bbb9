//! Why a request had no effect.

use timers::room::Refusal;

/// Why a request had no effect; stable, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// There is no such room, or no more.
    SessionNotFound,
    /// The client is in no room, or in another.
    NotJoined,
    /// The room has as many members as it takes.
    RoomFull,
    /// The duration is no positive number, or longer than a day.
    InvalidDuration,
    /// The seconds to move the end by are none, or too many.
    InvalidSeconds,
    /// The payload is not what this event takes.
    InvalidPayload,
    /// A token is not believed.
    Unauthorized,
    /// The store is away, or too much is going on; the same may succeed later.
    Unavailable,
}

impl Code {
    /// Returns the code as clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SessionNotFound => "SESSION_NOT_FOUND",
            Self::NotJoined => "NOT_JOINED",
            Self::RoomFull => "ROOM_FULL",
            Self::InvalidDuration => "INVALID_DURATION",
            Self::InvalidSeconds => "INVALID_SECONDS",
            Self::InvalidPayload => "INVALID_PAYLOAD",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Unavailable => "UNAVAILABLE",
        }
    }
}

/// Why a request had no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// For programs.
    pub code: Code,
    /// For people.
    pub message: String,
}

impl Fault {
    /// Makes a fault.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn payload(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidPayload, message)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::UnknownRoom => Code::SessionNotFound,
            Refusal::RoomFull(_) => Code::RoomFull,
            Refusal::InvalidDuration => Code::InvalidDuration,
            Refusal::InvalidSeconds => Code::InvalidSeconds,
            Refusal::NameTooLong(_) => Code::InvalidPayload,
            // The id was ours; another will do.
            Refusal::RoomTaken => Code::Unavailable,
        };
        Self::new(code, refusal.to_string())
    }
}
