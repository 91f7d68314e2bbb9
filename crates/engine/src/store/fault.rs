//! The faults of a store, without a type of its driver.

use std::error::Error;
use std::fmt;

/// The meaning of a fault for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Nothing was done; try again later.
    Unavailable,
    /// Nothing was done, and the store can do nothing until its disk works again: waiting for it does not help a command.
    Failing,
    /// No answer came; the request may have been carried out.
    Unknown,
    /// Stored data cannot be read, or the store refuses the request: an operator must act.
    Damaged,
}

/// A failure of the store. It is opaque: its cause is for logs.
#[derive(Debug)]
pub struct Fault {
    kind: FaultKind,
    cause: Box<dyn Error + Send + Sync>,
}

impl Fault {
    /// Makes a fault with a cause.
    pub fn new(kind: FaultKind, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, cause: cause.into() }
    }

    /// Returns the meaning for the caller.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// Tells whether a command may wait and send its request again.
    pub fn allows_retry(&self) -> bool {
        match self.kind {
            FaultKind::Unavailable | FaultKind::Unknown => true,
            FaultKind::Failing | FaultKind::Damaged => false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meaning = match self.kind {
            FaultKind::Unavailable | FaultKind::Failing => "the store is unavailable",
            FaultKind::Unknown => "the store did not answer",
            FaultKind::Damaged => "the store cannot be used",
        };
        write!(f, "{meaning}: {}", self.cause)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The text of the fault contains that of its cause.
        self.cause.source()
    }
}
