//! Why a client's message has no effect, in all dialects.

use timers::disconnect::DisconnectRefusal;
use timers::focus::FocusRefusal;
use timers::node::NodeRefusal;
use timers::punch_clock::PunchClockRefusal;
use timers::room::RoomRefusal;
use timers::stopwatch::StopwatchRefusal;
use timers::studio::StudioRefusal;
use timers::{BadField, Refusal};

/// The kind of a fault. Each dialect has its own name for it ([`Dialect::code_name`](crate::Dialect::code_name)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ErrorCode", rename_all = "snake_case"))]
pub enum Code {
    /// The text is not JSON.
    InvalidJson,
    /// The JSON is not what this type of message takes.
    InvalidMessage,
    /// The type of message does not exist.
    UnknownType,
    /// The item or the scope that the message names does not exist.
    NotFound,
    /// The client has not joined the scope that the message names.
    NotJoined,
    /// The scope has as many members as the limit.
    Full,
    /// A duration is not positive, or too long.
    InvalidDuration,
    /// A number of seconds is not a number, or too large.
    InvalidSeconds,
    /// A limit is reached.
    Limit,
    /// Too many commands of the scope are in progress.
    Busy,
    /// The store is unavailable; the command was not carried out.
    Unavailable,
    /// The stored data is damaged; the command was not carried out.
    Damaged,
    /// The store did not answer; whether the command was carried out is unknown.
    OutcomeUnknown,
    /// A token was rejected.
    Unauthorized,
    /// The store was unavailable for so long that the displayed time is no longer certain.
    TimeUncertain,
}

/// Why a client's message has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The kind, for programs.
    pub code: Code,
    /// The field and the reason, for people.
    pub message: String,
    /// Whether the same message can succeed later, and is safe to repeat.
    pub retry: bool,
}

impl Code {
    /// Returns the name of the code in dialects that have none of their own.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidMessage => "invalid_message",
            Self::UnknownType => "unknown_type",
            Self::NotFound => "not_found",
            Self::NotJoined => "not_joined",
            Self::Full => "full",
            Self::InvalidDuration => "invalid_duration",
            Self::InvalidSeconds => "invalid_seconds",
            Self::Limit => "limit",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Damaged => "damaged",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Unauthorized => "unauthorized",
            Self::TimeUncertain => "time_uncertain",
        }
    }
}

impl Fault {
    /// Makes a fault of the client, which a retry does not mend.
    pub fn of_client(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry: false }
    }

    /// Makes a fault of the service; a retry can succeed.
    pub fn of_service(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry: true }
    }

    /// Tells a client that its stored data is damaged, which only an operator can repair.
    pub fn damaged() -> Self {
        Self::of_client(Code::Damaged, "the stored data is damaged and cannot be used; nothing was done")
    }

    /// Tells clients that displays stand still.
    pub fn time_uncertain() -> Self {
        let message = "the store was unavailable for too long; displayed times stand still until it returns";
        Self::of_service(Code::TimeUncertain, message)
    }

    /// Makes a fault of a field below `path`; either may be empty.
    pub(crate) fn in_field(path: &str, bad: &BadField) -> Self {
        let dot = if path.is_empty() || bad.field.is_empty() { "" } else { "." };
        Self::of_client(Code::InvalidMessage, format!("{path}{dot}{} {}", bad.field, bad.reason))
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Stopwatch(refusal) => refusal.into(),
            Refusal::Room(refusal) => refusal.into(),
            Refusal::Studio(refusal) => refusal.into(),
            Refusal::PunchClock(refusal) => refusal.into(),
            Refusal::Focus(refusal) => refusal.into(),
            Refusal::Node(NodeRefusal::LeaseLost) | Refusal::Disconnect(DisconnectRefusal::TooMany) => {
                Self::of_client(Code::InvalidMessage, refusal.to_string())
            }
            Refusal::ChangeTooLarge | Refusal::HistoryFull(_) => Self::of_client(Code::Limit, refusal.to_string()),
        }
    }
}

impl From<StopwatchRefusal> for Fault {
    fn from(refusal: StopwatchRefusal) -> Self {
        let code = match refusal {
            StopwatchRefusal::UnknownSession => Code::NotFound,
            StopwatchRefusal::EmptyLabel | StopwatchRefusal::RepeatedGoal => Code::InvalidMessage,
            StopwatchRefusal::LabelTooLong(_)
            | StopwatchRefusal::CommentTooLong(_)
            | StopwatchRefusal::GroupNameTooLong(_)
            | StopwatchRefusal::TooManyGoals(_)
            | StopwatchRefusal::GoalTooLarge
            | StopwatchRefusal::TooManySessions(_)
            | StopwatchRefusal::BoardTooLarge(_)
            | StopwatchRefusal::TooManyRows => Code::Limit,
        };
        Self::of_client(code, refusal.to_string())
    }
}

impl From<StudioRefusal> for Fault {
    fn from(refusal: StudioRefusal) -> Self {
        let code = match refusal {
            StudioRefusal::UnknownTaskType | StudioRefusal::UnknownEntry => Code::NotFound,
            StudioRefusal::InactiveTaskType
            | StudioRefusal::AlreadyRunning
            | StudioRefusal::NotRunning
            | StudioRefusal::EndBeforeStart
            | StudioRefusal::StartInFuture
            | StudioRefusal::TaskTypeTaken(_)
            | StudioRefusal::EntryTaken(_)
            | StudioRefusal::EntryWithoutType(_)
            | StudioRefusal::EntryInFuture(_)
            | StudioRefusal::TargetRuns(_) => Code::InvalidMessage,
            StudioRefusal::TooManyRunning(_)
            | StudioRefusal::TooManyTaskTypes(_)
            | StudioRefusal::TextTooLong(_)
            | StudioRefusal::BoardTooLarge(_)
            | StudioRefusal::OutOfIds => Code::Limit,
        };
        Self::of_client(code, refusal.to_string())
    }
}

impl From<PunchClockRefusal> for Fault {
    fn from(refusal: PunchClockRefusal) -> Self {
        match refusal {
            PunchClockRefusal::ZoneChanged | PunchClockRefusal::DayChanged => {
                Self::of_service(Code::Busy, refusal.to_string())
            }
            PunchClockRefusal::UnreadableDay => Self::of_client(Code::Damaged, refusal.to_string()),
            PunchClockRefusal::DayFull(..) => Self::of_client(Code::Limit, refusal.to_string()),
        }
    }
}

impl From<FocusRefusal> for Fault {
    fn from(refusal: FocusRefusal) -> Self {
        let code = match refusal {
            FocusRefusal::Unknown => Code::NotFound,
            FocusRefusal::Ended | FocusRefusal::NotTracked => Code::InvalidMessage,
            FocusRefusal::TooManySessions(_) | FocusRefusal::TooManySockets(_) | FocusRefusal::TextTooLong(_) => {
                Code::Limit
            }
            FocusRefusal::Unreadable => Code::Damaged,
            // The server chose the id, and chooses another one next time.
            FocusRefusal::IdTaken => return Self::of_service(Code::Unavailable, refusal.to_string()),
        };
        Self::of_client(code, refusal.to_string())
    }
}

impl From<RoomRefusal> for Fault {
    fn from(refusal: RoomRefusal) -> Self {
        let code = match refusal {
            RoomRefusal::UnknownRoom => Code::NotFound,
            RoomRefusal::RoomFull(_) => Code::Full,
            RoomRefusal::InvalidDuration => Code::InvalidDuration,
            RoomRefusal::InvalidSeconds => Code::InvalidSeconds,
            RoomRefusal::NameTooLong(_) => Code::InvalidMessage,
            // The server chose the id, and chooses another one next time.
            RoomRefusal::RoomTaken => return Self::of_service(Code::Unavailable, refusal.to_string()),
        };
        Self::of_client(code, refusal.to_string())
    }
}
