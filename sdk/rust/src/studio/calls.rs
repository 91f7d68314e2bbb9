//! Calls of Studio's procedures by tRPC 11 over HTTP, without a transformer and without batches.

use hyper::Method;
use hyper::header::HeaderValue;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{CommandError, HttpError};
use crate::http::{HttpClient, HttpRequest};
use crate::http_answer::failed_answer;
use crate::options::ClientOptions;
use crate::outbox::{Answer, Command};
use crate::studio::protocol::{TaskType, TimeEntry};

/// Statuses of the server after which the same call can succeed: none of them says that the call is wrong.
const RETRIED: [u16; 5] = [408, 429, 502, 503, 504];

/// What a mutation returns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Written {
    Entry(TimeEntry),
    TaskType(TaskType),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct StudioCalls {
    http: HttpClient,
}

/// The envelope of a success.
#[derive(Deserialize)]
struct Envelope<T> {
    result: Data<T>,
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

impl StudioCalls {
    pub(crate) fn new(options: &ClientOptions) -> Self {
        Self { http: HttpClient::new(options) }
    }

    /// Calls a query.
    pub(crate) async fn query<T: DeserializeOwned>(&self, procedure: &str, input: &Value) -> Result<T, HttpError> {
        self.send(&HttpRequest::get(&["api", "trpc", procedure]).query("input", Some(input))).await
    }

    /// Calls the mutation of a command. The server carries out each id once within some minutes.
    pub(crate) async fn mutate(&self, command: &Command) -> Answer<Written> {
        let written = if command.kind.starts_with("timeTracking.taskTypes.") {
            self.call(command).await.map(Written::TaskType)
        } else {
            self.call(command).await.map(Written::Entry)
        };
        written.map_or_else(failed, Answer::Done)
    }

    async fn call<T: DeserializeOwned>(&self, command: &Command) -> Result<T, HttpError> {
        let request = HttpRequest::new(Method::POST, &["api", "trpc", &command.kind]).json(&command.payload);
        let request = match HeaderValue::from_str(&command.id) {
            Ok(id) => request.header("idempotency-key", id),
            Err(error) => return Err(HttpError::InvalidAnswer { message: error.to_string() }),
        };
        self.send(&request).await
    }

    async fn send<T: DeserializeOwned>(&self, request: &HttpRequest) -> Result<T, HttpError> {
        let envelope: Envelope<T> = self.http.json(request).await?;
        Ok(envelope.result.data)
    }
}

fn failed(error: HttpError) -> Answer<Written> {
    let retry = match &error {
        // It says nothing about the call.
        error if error.is_of_intermediary() => true,
        HttpError::Status { status: 401, .. } => return Answer::Refused(CommandError::Http(error)),
        HttpError::NoAnswer(_) | HttpError::InvalidAnswer { .. } => true,
        HttpError::Status { status, .. } => RETRIED.contains(status),
    };
    failed_answer(error, retry)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_of_an_intermediary_ends_no_call_and_one_of_the_server_does() {
        let of_server = || Some(json!({ "error": { "message": "no", "code": -32600 } }));
        for (status, details, is_repeated) in
            [(302, None, true), (401, None, true), (404, None, true), (404, of_server(), false), (503, None, true)]
        {
            let error = HttpError::Status { status, message: String::new(), details, retry_after: None };
            assert!(matches!(failed(error), Answer::Failed { retry, .. } if retry == is_repeated), "{status}");
        }
        let error = HttpError::Status { status: 401, message: String::new(), details: of_server(), retry_after: None };
        assert!(matches!(failed(error), Answer::Refused(_)));
    }
}
