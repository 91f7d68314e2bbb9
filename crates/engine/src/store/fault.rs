//! What can go wrong with a store, without naming its driver.

use std::error::Error;
use std::fmt;

/// What a fault means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Nothing was done; try again later.
    Unavailable,
    /// No answer came; it may have been done.
    Unknown,
    /// What is stored can't be read, or the store refuses what we send: a person must look.
    Damaged,
}

/// A failure of the store. Opaque: its cause is for logs.
#[derive(Debug)]
pub struct Fault {
    kind: FaultKind,
    cause: Box<dyn Error + Send + Sync>,
}

impl Fault {
    /// Makes a fault of a cause.
    pub fn new(kind: FaultKind, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, cause: cause.into() }
    }

    /// Returns what it means.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meaning = match self.kind {
            FaultKind::Unavailable => "the store is away",
            FaultKind::Unknown => "the store did not answer",
            FaultKind::Damaged => "the store can't be used",
        };
        write!(f, "{meaning}: {}", self.cause)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.cause.as_ref())
    }
}
