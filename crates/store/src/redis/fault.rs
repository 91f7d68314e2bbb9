//! Maps the driver's errors to faults of the port.

use std::io;

use engine::store::{Fault, FaultKind};
use fred::error::{Error, ErrorKind};

/// Replies of a server that did nothing and may succeed later.
const RETRYABLE: [&str; 11] = [
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

/// Prefix of the commit script's own rejections, all of them before its first write.
const SCRIPT_REJECTION: &str = "rejected before the first write: ";

/// Maps an error of a command that writes nothing or may be repeated safely.
pub(crate) fn fault(error: Error) -> Fault {
    let kind = if !is_server_reply(&error) {
        connection_fault_kind(&error)
    } else if is_retryable(&error) || is_permission(&error) {
        FaultKind::Unavailable
    } else {
        FaultKind::Damaged
    };
    Fault::new(kind, readable(error.details()))
}

/// Maps an error of a commit. After an error inside the script it is unknown what was written.
pub(crate) fn commit_fault(error: Error) -> Fault {
    // On CLUSTERDOWN the driver drops the connection and gives that reply to all commands in flight.
    let kind = if !is_server_reply(&error) || error.details().starts_with("CLUSTERDOWN") {
        connection_fault_kind(&error)
    } else if is_retryable(&error) {
        FaultKind::Unavailable
    } else if error.details().contains(SCRIPT_REJECTION) {
        FaultKind::Damaged
    } else {
        FaultKind::Unknown
    };
    Fault::new(kind, readable(error.details()))
}

/// Returns the text of an error as the operating system words it. The driver keeps the debug form of I/O errors:
/// `Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }`.
pub(crate) fn readable(details: &str) -> String {
    let parts = |start: &str| {
        let (before, rest) = details.split_once(start)?;
        let (inner, after) = rest.rsplit_once(" }")?;
        Some((before, inner, after))
    };
    if let Some((before, inner, after)) = parts("Os { code: ")
        && let Some(code) = inner.split(',').next().and_then(|code| code.parse().ok())
    {
        return format!("{before}{}{after}", io::Error::from_raw_os_error(code));
    }
    if let Some((before, inner, after)) = parts("Custom { kind: ")
        && let Some((_, error)) = inner.split_once(", error: ")
    {
        return format!("{before}{}{after}", error.trim_matches('"'));
    }
    details.to_owned()
}

/// Returns the replies of a pipeline, which are judged one by one.
///
/// # Errors
/// The error of a pipeline that failed as a whole: it has one reply, whatever the number of its commands.
pub(crate) fn each_reply<T>(
    mut replies: Vec<Result<T, Error>>,
    expected: usize,
) -> Result<Vec<Result<T, Error>>, Error> {
    if replies.len() == expected && !replies.iter().all(|reply| matches!(reply, Err(error) if !is_server_reply(error)))
    {
        return Ok(replies);
    }
    match replies.pop() {
        Some(Err(error)) => Err(error),
        Some(Ok(_)) | None if expected == 0 => Ok(Vec::new()),
        Some(Ok(_)) | None => Err(Error::new(ErrorKind::Canceled, "replies to a pipeline are missing")),
    }
}

/// Tells whether an error is a reply of the server, as opposed to a failure of the connection.
pub(crate) fn is_server_reply(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Backpressure | ErrorKind::IO | ErrorKind::Timeout | ErrorKind::Canceled | ErrorKind::Routing => {
            false
        }
        // The driver uses these kinds for replies and for its own errors alike.
        ErrorKind::InvalidCommand | ErrorKind::InvalidArgument | ErrorKind::Parse | ErrorKind::NotFound => true,
        // The driver uses these kinds for broken connections too; a reply begins with an error code.
        ErrorKind::Config
        | ErrorKind::Auth
        | ErrorKind::Url
        | ErrorKind::Protocol
        | ErrorKind::Tls
        | ErrorKind::Cluster
        | ErrorKind::Unknown
        | ErrorKind::Sentinel => error_code(error).is_some(),
    }
}

/// Returns the error code: the upper-case word at the beginning of a server's error.
pub(crate) fn error_code(error: &Error) -> Option<&str> {
    let word = error.details().split(' ').next()?;
    (!word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(word)
}

/// Tells whether a cluster server does not own the slot, now or any more.
pub(crate) fn is_redirect(error: &Error) -> bool {
    ["MOVED", "ASK", "CLUSTERDOWN"].iter().any(|word| error.details().starts_with(word))
}

/// A full queue sent nothing; a broken connection may have carried the command.
fn connection_fault_kind(error: &Error) -> FaultKind {
    if *error.kind() == ErrorKind::Backpressure { FaultKind::Unavailable } else { FaultKind::Unknown }
}

/// Tells whether the server's user lacks a permission, which does not mean that stored data is damaged.
fn is_permission(error: &Error) -> bool {
    ["NOPERM", "NOAUTH"].iter().any(|word| error.details().starts_with(word))
}

fn is_retryable(error: &Error) -> bool {
    RETRYABLE.iter().any(|word| error.details().starts_with(word))
}

/// Makes a fault for a connection that is known to be down: nothing was sent.
pub(crate) fn not_connected() -> Fault {
    Fault::new(FaultKind::Unavailable, "there is no connection to Redis")
}

/// Makes a fault for a reply that can't be decoded.
pub(crate) fn malformed_reply(what: &str) -> Fault {
    Fault::new(FaultKind::Damaged, format!("malformed reply of Redis to {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: ErrorKind, details: &'static str, expected: FaultKind) {
        assert_eq!(fault(Error::new(kind, details)).kind(), expected, "{details}");
    }

    #[test]
    fn the_replies_of_a_pipeline_are_judged_one_by_one_unless_it_failed_as_a_whole() {
        let wrong = || Err(Error::new(ErrorKind::InvalidArgument, "WRONGTYPE Operation against a key"));
        let broken = || Err(Error::new(ErrorKind::Canceled, ""));
        assert_eq!(each_reply(vec![Ok(1), wrong(), Ok(3)], 3).unwrap().iter().filter(|reply| reply.is_ok()).count(), 2);
        assert_eq!(each_reply::<u8>(vec![wrong(), wrong()], 2).unwrap().len(), 2);
        assert_eq!(each_reply::<u8>(vec![wrong()], 1).unwrap().len(), 1);
        assert_eq!(each_reply::<u8>(vec![], 0).unwrap().len(), 0);
        assert!(each_reply::<u8>(vec![broken()], 3).is_err());
        assert!(each_reply::<u8>(vec![broken()], 1).is_err());
        assert!(each_reply(vec![Ok(1)], 3).is_err());
    }

    #[test]
    fn an_error_of_the_operating_system_is_readable() {
        let refused = io::Error::from_raw_os_error(111);
        let host = io::Error::other("failed to lookup address information");
        for (details, expected) in [
            (format!("{refused:?}"), refused.to_string()),
            (format!("no reply: {refused:?}."), format!("no reply: {refused}.")),
            (format!("{host:?}"), host.to_string()),
            ("LOADING Redis is loading".to_owned(), "LOADING Redis is loading".to_owned()),
            ("Os { code: x }".to_owned(), "Os { code: x }".to_owned()),
        ] {
            assert_eq!(readable(&details), expected);
        }
        assert_eq!(
            fault(Error::from(refused)).to_string(),
            "the store did not answer: Connection refused (os error 111)"
        );
    }

    #[test]
    fn an_error_of_the_connection_is_not_a_reply_of_the_server() {
        for details in
            ["Failed to route command.", "Too many failed write attempts.", "Missing expected connection.", ""]
        {
            check(ErrorKind::Unknown, details, FaultKind::Unknown);
        }
        check(ErrorKind::Protocol, "Invalid or missing cluster state.", FaultKind::Unknown);
        check(ErrorKind::IO, "Connection closed.", FaultKind::Unknown);
        check(ErrorKind::Backpressure, "", FaultKind::Unavailable);
        check(ErrorKind::Unknown, "LOADING Redis is loading the dataset in memory", FaultKind::Unavailable);
        check(ErrorKind::Cluster, "MOVED 1 127.0.0.1:7000", FaultKind::Unavailable);
        check(ErrorKind::Unknown, "NOPERM User ann has no permissions", FaultKind::Unavailable);
        check(ErrorKind::InvalidArgument, "WRONGTYPE Operation against a key", FaultKind::Damaged);
    }
}
