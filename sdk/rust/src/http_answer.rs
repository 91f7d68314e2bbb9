//! Answers to commands that are sent by HTTP requests.

use crate::error::{CommandError, HttpError};
use crate::outbox::Answer;

/// Tells whether a repetition of a request helps: a server that is away, or a login that has to be renewed.
pub(crate) fn is_temporary(error: &HttpError) -> bool {
    match error {
        // An answer of something between the client and the server says nothing about the request.
        HttpError::NoAnswer(_) | HttpError::InvalidAnswer { .. } => true,
        HttpError::Status { status, .. } => matches!(status, 401 | 403 | 408 | 429 | 500..),
    }
}

/// Returns the answer to a command whose request has failed.
pub(crate) fn failed_answer<T>(error: HttpError, retry: bool) -> Answer<T> {
    let retry_after = error.retry_after();
    Answer::Failed { error: CommandError::Http(error), retry, retry_after }
}
