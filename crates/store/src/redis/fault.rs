//! What the driver's errors mean for the port.

use engine::store::{Fault, FaultKind};
use fred::error::{Error, ErrorKind};

/// Answers of a server that has done nothing and may do it later.
const LATER: [&str; 11] = [
    "LOADING",
    "READONLY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "NOREPLICAS",
    "OOM",
    "BUSY",
    "MISCONF",
    "MOVED",
    "ASK",
];

/// In each of the commit script's own refusals, all of them before its first write.
const REFUSED: &str = "refused unwritten: ";

/// Takes an error of a command that writes nothing, or may be repeated without harm.
pub(crate) fn fault(error: Error) -> Fault {
    let kind = if !is_servers(&error) {
        lost(&error)
    } else if says_later(&error) {
        FaultKind::Unavailable
    } else {
        FaultKind::Damaged
    };
    Fault::new(kind, error)
}

/// Takes an error of a commit. What the server says in the middle of a script leaves open what was written.
pub(crate) fn commit_fault(error: Error) -> Fault {
    // With CLUSTERDOWN the driver drops the connection, and gives that answer to all that was under way.
    let kind = if !is_servers(&error) || error.details().starts_with("CLUSTERDOWN") {
        lost(&error)
    } else if says_later(&error) {
        FaultKind::Unavailable
    } else if error.details().contains(REFUSED) {
        FaultKind::Damaged
    } else {
        FaultKind::Unknown
    };
    Fault::new(kind, error)
}

/// Tells whether an error is the server's answer, not the link's end.
pub(crate) fn is_servers(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Backpressure | ErrorKind::IO | ErrorKind::Timeout | ErrorKind::Canceled | ErrorKind::Routing => {
            false
        }
        ErrorKind::Config
        | ErrorKind::Auth
        | ErrorKind::InvalidCommand
        | ErrorKind::InvalidArgument
        | ErrorKind::Url
        | ErrorKind::Protocol
        | ErrorKind::Tls
        | ErrorKind::Cluster
        | ErrorKind::Unknown
        | ErrorKind::Parse
        | ErrorKind::Sentinel
        | ErrorKind::NotFound => true,
    }
}

/// Tells whether a server of a cluster says that it has not the slot, or not yet, or not any more.
pub(crate) fn is_redirect(error: &Error) -> bool {
    ["MOVED", "ASK", "CLUSTERDOWN"].iter().any(|word| error.details().starts_with(word))
}

/// A full queue took nothing; a link that ended may have carried the command.
fn lost(error: &Error) -> FaultKind {
    if *error.kind() == ErrorKind::Backpressure { FaultKind::Unavailable } else { FaultKind::Unknown }
}

fn says_later(error: &Error) -> bool {
    LATER.iter().any(|word| error.details().starts_with(word))
}

/// The link is known to be down: nothing was sent.
pub(crate) fn link_down() -> Fault {
    Fault::new(FaultKind::Unavailable, "there is no connection to Redis")
}

/// The answer makes no sense.
pub(crate) fn nonsense(what: &str) -> Fault {
    Fault::new(FaultKind::Damaged, format!("Redis answered nonsense to {what}"))
}
