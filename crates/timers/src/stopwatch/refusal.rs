//! Why the rules refuse a command about stopwatch sessions.

use crate::change::ROWS_MAX;
use crate::stopwatch::limits::GOAL_BYTES_MAX;

/// Why the rules refuse a command about stopwatch sessions. A retry does not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StopwatchRefusal {
    /// The board has no session of that id.
    #[error("there is no such session")]
    UnknownSession,
    /// The label is empty.
    #[error("label must not be empty")]
    EmptyLabel,
    /// The label has more characters than the limit.
    #[error("label is longer than {0} characters")]
    LabelTooLong(usize),
    /// The comment has more characters than the limit.
    #[error("comment is longer than {0} characters")]
    CommentTooLong(usize),
    /// The group's name has more characters than the limit.
    #[error("groupName is longer than {0} characters")]
    GroupNameTooLong(usize),
    /// The session would have more goals than the limit.
    #[error("a session carries at most {0} goals")]
    TooManyGoals(usize),
    /// A goal's JSON is larger than the limit.
    #[error("a goal is at most {GOAL_BYTES_MAX} bytes of JSON")]
    GoalTooLarge,
    /// Two goals of one list have the same id.
    #[error("two goals have the same id")]
    RepeatedGoal,
    /// The person would have more running and paused sessions than the limit.
    #[error("a person has at most {0} live sessions")]
    TooManySessions(usize),
    /// The board would be larger than the limit.
    #[error("the sessions of a person take at most {0} bytes")]
    BoardTooLarge(usize),
    /// The command brings more history rows than one commit takes.
    #[error("at most {ROWS_MAX} rows at once")]
    TooManyRows,
}
