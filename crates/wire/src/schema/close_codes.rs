//! The codes with which the server closes a WebSocket.

/// A close code with one of its reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseCode {
    /// The code.
    pub code: u16,
    /// The reason, as the server sends it; `n` stands for a number.
    pub reason: &'static str,
    /// Why the server closes the connection.
    pub meaning: &'static str,
    /// Whether the client may connect again, and how.
    pub reconnect: Reconnect,
}

/// What a client does after a close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconnect {
    /// Connect again after a pause of the client's choice.
    Yes,
    /// Connect again after the pause that the reason names.
    AfterAdvice,
    /// Obtain a token first.
    WithNewToken,
    /// Do not connect again by itself.
    No,
}

/// The reason that names a pause in milliseconds.
const RECONNECT_AFTER: &str = r#"{"reconnectAfterMs":n}"#;

/// The codes, in ascending order.
pub const CLOSE_CODES: &[CloseCode] = &[
    close(1002, "Protocol error", "the frames violate RFC 6455, or the packets Socket.IO", Reconnect::No),
    close(1007, "Text must be UTF-8", "a text is not UTF-8", Reconnect::No),
    close(
        1012,
        RECONNECT_AFTER,
        "the node restarts; it has announced the close by `going-away`",
        Reconnect::AfterAdvice,
    ),
    close(1013, RECONNECT_AFTER, "the node or the store cannot serve the client now", Reconnect::AfterAdvice),
    close(4401, "Unauthorized", "the credential is invalid, or has expired", Reconnect::WithNewToken),
    close(4401, "Missing token", "there is no credential", Reconnect::WithNewToken),
    close(4401, "Invalid token", "the credential is invalid", Reconnect::WithNewToken),
    close(
        4403,
        "Forbidden",
        "the operator has disconnected the client, or the fresh token is another user's",
        Reconnect::No,
    ),
    close(4408, "Too slow", "the client has read nothing for 5 s", Reconnect::Yes),
    close(4408, "No answer to a ping", "the client has not answered a ping", Reconnect::Yes),
    close(4413, "A message is at most n bytes", "a message is larger than the limit", Reconnect::Yes),
    close(4429, "Too many connections", "the user or the address has as many connections as the limit", Reconnect::No),
    close(4429, "Too many messages", "the client sends more than the limit", Reconnect::Yes),
];

const fn close(code: u16, reason: &'static str, meaning: &'static str, reconnect: Reconnect) -> CloseCode {
    CloseCode { code, reason, meaning, reconnect }
}
