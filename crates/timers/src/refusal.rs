//! What the rules say no to.

use crate::limits::{GOAL_BYTES_MAX, ROWS_MAX};
use crate::{disconnect, node, room};

/// Why the rules refuse a command. A retry does not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The board has no session of that id.
    #[error("there is no such session")]
    UnknownSession,
    /// The label has more characters than the limit.
    #[error("label is longer than {0} characters")]
    LabelTooLong(usize),
    /// The comment has more characters than the limit.
    #[error("comment is longer than {0} characters")]
    CommentTooLong(usize),
    /// The group's name has more characters than the limit.
    #[error("groupName is longer than {0} characters")]
    GroupNameTooLong(usize),
    /// The session would carry more goals than the limit.
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
    /// More rows at once than one commit takes.
    #[error("at most {ROWS_MAX} rows at once")]
    TooManyRows,
    /// It is about a room.
    #[error(transparent)]
    Room(#[from] room::Refusal),
    /// It is about a node.
    #[error(transparent)]
    Node(#[from] node::Refusal),
    /// It is about clients that are to be sent away.
    #[error(transparent)]
    Disconnect(#[from] disconnect::Refusal),
}
