//! Where displayed times come from.

/// Where displayed times come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// They are the server's.
    Live,
    /// They continue by the local clock, because nothing arrives.
    Continued,
    /// They are the last known ones.
    LastKnown,
}
