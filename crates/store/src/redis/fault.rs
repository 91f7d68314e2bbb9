//! What the driver's errors mean for the port.

use engine::store::{Fault, FaultKind};
use fred::error::{Error, ErrorKind};

/// Answers of a server that has done nothing and may do it later.
const LATER: [&str; 9] =
    ["LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS", "OOM", "BUSY", "MISCONF"];

/// Takes an error of a command that may have been sent.
pub(crate) fn fault(error: Error) -> Fault {
    let kind = match error.kind() {
        ErrorKind::Backpressure => FaultKind::Unavailable,
        ErrorKind::IO | ErrorKind::Timeout | ErrorKind::Canceled | ErrorKind::Cluster | ErrorKind::Routing => {
            FaultKind::Unknown
        }
        ErrorKind::Config
        | ErrorKind::Auth
        | ErrorKind::InvalidCommand
        | ErrorKind::InvalidArgument
        | ErrorKind::Url
        | ErrorKind::Protocol
        | ErrorKind::Tls
        | ErrorKind::Unknown
        | ErrorKind::Parse
        | ErrorKind::Sentinel
        | ErrorKind::NotFound => {
            let later = LATER.iter().any(|word| error.details().starts_with(word));
            if later { FaultKind::Unavailable } else { FaultKind::Damaged }
        }
    };
    Fault::new(kind, error)
}

/// The link is known to be down: nothing was sent.
pub(crate) fn link_down() -> Fault {
    Fault::new(FaultKind::Unavailable, "there is no connection to Redis")
}

/// The answer makes no sense.
pub(crate) fn nonsense(what: &str) -> Fault {
    Fault::new(FaultKind::Damaged, format!("Redis answered nonsense to {what}"))
}
