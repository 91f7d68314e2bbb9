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
        // Answers that can't be told from what the driver says of them, and of what it was asked.
        ErrorKind::InvalidCommand | ErrorKind::InvalidArgument | ErrorKind::Parse | ErrorKind::NotFound => true,
        // What the driver says when a link breaks under a command is of the same kinds as answers are.
        ErrorKind::Config
        | ErrorKind::Auth
        | ErrorKind::Url
        | ErrorKind::Protocol
        | ErrorKind::Tls
        | ErrorKind::Cluster
        | ErrorKind::Unknown
        | ErrorKind::Sentinel => code(error).is_some(),
    }
}

/// Returns the word in capitals that servers begin with.
pub(crate) fn code(error: &Error) -> Option<&str> {
    let word = error.details().split(' ').next()?;
    (!word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(word)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: ErrorKind, details: &'static str, expected: FaultKind) {
        assert_eq!(fault(Error::new(kind, details)).kind(), expected, "{details}");
    }

    #[test]
    fn what_the_driver_says_of_its_link_is_no_answer_of_the_server() {
        for said in ["Failed to route command.", "Too many failed write attempts.", "Missing expected connection.", ""]
        {
            check(ErrorKind::Unknown, said, FaultKind::Unknown);
        }
        check(ErrorKind::Protocol, "Invalid or missing cluster state.", FaultKind::Unknown);
        check(ErrorKind::IO, "Connection closed.", FaultKind::Unknown);
        check(ErrorKind::Backpressure, "", FaultKind::Unavailable);
        check(ErrorKind::Unknown, "LOADING Redis is loading the dataset in memory", FaultKind::Unavailable);
        check(ErrorKind::Cluster, "MOVED 1 127.0.0.1:7000", FaultKind::Unavailable);
        check(ErrorKind::Unknown, "NOPERM User ann has no permissions", FaultKind::Damaged);
        check(ErrorKind::InvalidArgument, "WRONGTYPE Operation against a key", FaultKind::Damaged);
    }
}
