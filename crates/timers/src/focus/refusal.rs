//! Why the rules refuse a command about focus sessions.

/// Why the rules refuse a command about focus sessions. A retry does not help, but for [`FocusRefusal::IdTaken`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FocusRefusal {
    /// The person has no such session.
    #[error("Session not found")]
    Unknown,
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
    /// No socket tracks the session, or it is paused.
    #[error("the session is not tracked")]
    NotTracked,
    /// A session with the id exists. The caller chooses other random bytes.
    #[error("a session with this id exists; try again")]
    IdTaken,
    /// As many sessions are open and tracked as the limit.
    #[error("{0} sessions are open, which is the limit")]
    TooManySessions(usize),
    /// As many sockets track the session as the limit.
    #[error("{0} sockets track the session, which is the limit")]
    TooManySockets(usize),
    /// A text has more characters than the limit.
    #[error("subject and contentId have at most {0} characters")]
    TextTooLong(usize),
    /// What is stored cannot be read by this version, and is not overwritten.
    #[error("a stored session or the statistics cannot be read")]
    Unreadable,
}
