//! Answers to commands that are sent by HTTP requests.

use crate::error::{CommandError, HttpError};
use crate::outbox::Answer;

/// Returns the answer to a command that may wait for long, and whose request has failed. A request has asked the token
/// provider for another token already, so that a repetition would be refused again.
pub(crate) fn patient_answer<T>(error: HttpError) -> Answer<T> {
    let is_temporary = match &error {
        HttpError::Status { status: 401 | 403, .. } => return Answer::Refused(CommandError::Http(error)),
        HttpError::Status { status, .. } => matches!(status, 408 | 429 | 500..),
        // An answer of something between the client and the server says nothing about the request.
        HttpError::NoAnswer(_) | HttpError::InvalidAnswer { .. } => true,
    };
    failed_answer(error, is_temporary)
}

/// Returns the answer to a command whose request has failed.
pub(crate) fn failed_answer<T>(error: HttpError, retry: bool) -> Answer<T> {
    let retry_after = error.retry_after();
    Answer::Failed { error: CommandError::Http(error), retry, retry_after }
}
