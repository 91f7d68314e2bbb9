//! Answers to commands that are sent by HTTP requests.

use crate::error::{CommandError, HttpError};
use crate::outbox::Answer;

/// Returns the answer to a command that may wait for long, and whose request has failed. A request has asked the token
/// provider for another token already, so that a repetition would be refused again.
pub(crate) fn patient_answer<T>(error: HttpError) -> Answer<T> {
    let is_temporary = match &error {
        // It says nothing about the request.
        error if error.is_of_intermediary() => true,
        HttpError::Status { status: 401 | 403, .. } => return Answer::Refused(CommandError::Http(error)),
        HttpError::Status { status, .. } => matches!(status, 408 | 429 | 500..),
        HttpError::NoAnswer(_) | HttpError::InvalidAnswer { .. } => true,
    };
    failed_answer(error, is_temporary)
}

/// Returns the answer to a command whose request has failed.
pub(crate) fn failed_answer<T>(error: HttpError, retry: bool) -> Answer<T> {
    let retry_after = error.retry_after();
    Answer::Failed { error: CommandError::Http(error), retry, retry_after }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_answer_of_an_intermediary_ends_no_command_and_one_of_the_server_does() {
        let of_server = || Some(json!({ "message": "no" }));
        let cases: [(u16, Option<Value>, bool); 9] = [
            (302, None, true),
            (400, None, true),
            (404, Some(json!("not here")), true),
            (403, Some(json!({})), true),
            (400, of_server(), false),
            (404, of_server(), false),
            (429, of_server(), true),
            (503, None, true),
            (503, of_server(), true),
        ];
        for (status, details, is_temporary) in cases {
            let error = status_error(status, details.clone());
            let Answer::Failed { retry, .. } = patient_answer::<()>(error) else { panic!("{status} {details:?}") };
            assert_eq!(retry, is_temporary, "{status} {details:?}");
        }
        for status in [401, 403] {
            assert!(matches!(patient_answer::<()>(status_error(status, of_server())), Answer::Refused(_)));
        }
    }

    fn status_error(status: u16, details: Option<Value>) -> HttpError {
        HttpError::Status { status, message: String::new(), details, retry_after: None }
    }
}
