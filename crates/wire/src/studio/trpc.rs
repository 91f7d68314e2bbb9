//! The envelopes of tRPC 11 over HTTP, without a transformer.

use serde::Serialize;

use crate::fault::{Code, Fault};
use crate::studio::procedure::Procedure;

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// The kind.
    pub code: ErrorCode,
    /// The reason, for people.
    pub message: String,
}

/// The kind of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "TrpcErrorCode", rename_all = "SCREAMING_SNAKE_CASE")
)]
pub enum ErrorCode {
    /// The input is wrong, or the rules refuse it.
    BadRequest,
    /// The client is not logged in.
    Unauthorized,
    /// The procedure or the thing that the input names does not exist.
    NotFound,
    /// The procedure is called by another verb.
    MethodNotSupported,
    /// The body does not arrive.
    Timeout,
    /// The body is too large.
    PayloadTooLarge,
    /// The body is not JSON by its content type.
    UnsupportedMediaType,
    /// Too many requests at once.
    TooManyRequests,
    /// The service is not available; the same call can succeed later.
    ServiceUnavailable,
    /// The service has failed.
    InternalServerError,
}

/// The answer to a call that has no result.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TrpcErrorEnvelope"))]
pub(crate) struct ErrorEnvelope<'a> {
    error: ErrorShape<'a>,
}

/// Why a call has no result.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TrpcError"))]
struct ErrorShape<'a> {
    /// The reason, for people.
    message: &'a str,
    /// The code of JSON-RPC 2.0.
    code: i32,
    data: ErrorData<'a>,
}

/// The kind of an error, and its place.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TrpcErrorData"))]
struct ErrorData<'a> {
    #[cfg_attr(feature = "schema", schemars(with = "ErrorCode"))]
    code: &'static str,
    http_status: u16,
    /// The path of the procedure; absent if the request calls none.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
}

impl ErrorCode {
    /// Returns the name, the number of JSON-RPC, and the HTTP status.
    fn facts(self) -> (&'static str, i32, u16) {
        match self {
            Self::BadRequest => ("BAD_REQUEST", -32600, 400),
            Self::Unauthorized => ("UNAUTHORIZED", -32001, 401),
            Self::NotFound => ("NOT_FOUND", -32004, 404),
            Self::MethodNotSupported => ("METHOD_NOT_SUPPORTED", -32005, 405),
            Self::Timeout => ("TIMEOUT", -32008, 408),
            Self::PayloadTooLarge => ("PAYLOAD_TOO_LARGE", -32013, 413),
            Self::UnsupportedMediaType => ("UNSUPPORTED_MEDIA_TYPE", -32015, 415),
            Self::TooManyRequests => ("TOO_MANY_REQUESTS", -32029, 429),
            Self::ServiceUnavailable => ("SERVICE_UNAVAILABLE", -32603, 503),
            Self::InternalServerError => ("INTERNAL_SERVER_ERROR", -32603, 500),
        }
    }

    /// Returns the HTTP status.
    pub fn status(self) -> u16 {
        self.facts().2
    }
}

impl CallError {
    /// Makes an error.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Makes the error of a client that is not logged in.
    pub fn not_logged_in() -> Self {
        Self::new(ErrorCode::Unauthorized, "You must be logged in to access this resource")
    }

    /// Returns the procedure of a call.
    ///
    /// # Errors
    /// The error to answer with: there is no such procedure, or it is called by another verb.
    pub fn check(path: &str, verb: &str) -> Result<Procedure, Self> {
        let unknown = || Self::new(ErrorCode::NotFound, format!("No procedure found on path \"{path}\""));
        let procedure = Procedure::at(path).ok_or_else(unknown)?;
        let kind = procedure.kind();
        if kind.method() == verb {
            return Ok(procedure);
        }
        let message = format!("Unsupported {verb}-request to {} procedure at path \"{path}\"", kind.name());
        Err(Self::new(ErrorCode::MethodNotSupported, message))
    }

    /// Renders the envelope; a call of no procedure has no path.
    pub fn envelope(&self, path: Option<&str>) -> String {
        let (code, number, http_status) = self.code.facts();
        let data = ErrorData { code, http_status, path };
        let envelope = ErrorEnvelope { error: ErrorShape { message: &self.message, code: number, data } };
        serde_json::to_string(&envelope).expect("an error has no key that JSON cannot write")
    }
}

impl From<&Fault> for CallError {
    fn from(fault: &Fault) -> Self {
        let code = match fault.code {
            Code::NotFound => ErrorCode::NotFound,
            Code::Busy => ErrorCode::TooManyRequests,
            Code::Unavailable | Code::OutcomeUnknown | Code::TimeUncertain => ErrorCode::ServiceUnavailable,
            Code::Damaged => ErrorCode::InternalServerError,
            Code::Unauthorized => ErrorCode::Unauthorized,
            Code::InvalidJson
            | Code::InvalidMessage
            | Code::UnknownType
            | Code::NotJoined
            | Code::Full
            | Code::InvalidDuration
            | Code::InvalidSeconds
            | Code::Limit => ErrorCode::BadRequest,
        };
        Self::new(code, &*fault.message)
    }
}

/// What stands before the result of a call.
pub const RESULT_START: &str = r#"{"result":{"data":"#;

/// What stands behind the result of a call.
pub const RESULT_END: &str = "}}";
