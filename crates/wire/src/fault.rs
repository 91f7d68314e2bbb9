//! What a client is told when its message has no effect.

use timers::{BadField, Refusal};

/// Why a message had no effect; stable, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The text is no JSON.
    InvalidJson,
    /// The JSON is not what this type of message takes.
    InvalidMessage,
    /// There is no such type of message.
    UnknownType,
    /// The person has no such session.
    UnknownSession,
    /// A limit is reached.
    Limit,
    /// Too much is going on with this person's sessions.
    Busy,
    /// The store is away; the command did not happen.
    Unavailable,
    /// The store did not answer; whether the command happened is unknown.
    OutcomeUnknown,
    /// A token is not believed.
    Unauthorized,
    /// The store was away for so long that the time shown is no longer certain.
    TimeUncertain,
}

impl Code {
    /// Returns the code as clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidMessage => "invalid_message",
            Self::UnknownType => "unknown_type",
            Self::UnknownSession => "unknown_session",
            Self::Limit => "limit",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Unauthorized => "unauthorized",
            Self::TimeUncertain => "time_uncertain",
        }
    }
}

/// Why a message had no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// For programs.
    pub code: Code,
    /// For people: names the field and the reason.
    pub message: String,
    /// Whether the same message may succeed later and can't do harm twice.
    pub retry: bool,
}

impl Fault {
    /// Makes a fault of the client's, which a retry does not mend.
    pub fn of_client(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry: false }
    }

    /// Tells that displays stand still; no message of the client's is to blame.
    pub fn time_uncertain() -> Self {
        let message = "the store was away for too long; the times shown stand still until it is back";
        Self { code: Code::TimeUncertain, message: message.to_owned(), retry: true }
    }

    /// Names a field below `path`; either may be empty.
    pub(crate) fn in_field(path: &str, bad: &BadField) -> Self {
        let dot = if path.is_empty() || bad.field.is_empty() { "" } else { "." };
        Self::of_client(Code::InvalidMessage, format!("{path}{dot}{} {}", bad.field, bad.reason))
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::UnknownSession => Code::UnknownSession,
            Refusal::RepeatedGoal | Refusal::Room(_) | Refusal::Node(_) | Refusal::Disconnect(_) => {
                Code::InvalidMessage
            }
            Refusal::LabelTooLong(_)
            | Refusal::CommentTooLong(_)
            | Refusal::GroupNameTooLong(_)
            | Refusal::TooManyGoals(_)
            | Refusal::GoalTooLarge
            | Refusal::TooManySessions(_)
            | Refusal::BoardTooLarge(_)
            | Refusal::TooManyRows => Code::Limit,
        };
        Self::of_client(code, refusal.to_string())
    }
}
