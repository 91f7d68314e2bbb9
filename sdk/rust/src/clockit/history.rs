//! Finished sessions of a user: pages of them, the whole as CSV, and imports.

use hyper::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::error::HttpError;
use crate::http::{HttpClient, HttpRequest};
use crate::options::ClientOptions;

/// Histories are limited by the server, to less than this unless an operator raises the limit.
const CSV_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// A finished session, or an imported row. Rows of sessions that were stopped in Tickcast have a `session_id`.
///
/// An absent field is equivalent to 0 or an empty text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FinishedSession {
    /// The start, in ISO 8601.
    pub started_iso: String,
    /// The end, in ISO 8601.
    pub ended_iso: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines_added: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines_deleted: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_file_seconds: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_language_seconds: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ide_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repo_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goals: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
}

/// Which page of a history is requested.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The number of rows, at most 500; 50 if it is absent.
    pub limit: Option<u32>,
    /// `next` of the page before; the newest rows if it is absent.
    pub before: Option<String>,
}

/// Some rows, newest first.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct HistoryPage {
    pub sessions: Vec<FinishedSession>,
    /// The `before` of the next page; absent on the last one.
    pub next: Option<String>,
}

/// Who reads an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CsvForm {
    /// Programs, and imports: each text is as it was sent.
    #[default]
    Exact,
    /// Spreadsheets: no text is taken for a formula.
    Spreadsheet,
}

/// What an import has stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Imported {
    /// The number of new rows.
    pub stored: u64,
    /// The number of rows that were stored before.
    pub repeated: u64,
}

/// What is wrong with a row of an import.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RowFault {
    /// The line from 1 on, or the number of the session; 0 if the whole body is concerned.
    pub line: u64,
    /// The name of the column; empty if the whole row is concerned.
    pub column: String,
    pub message: String,
}

/// An import that has failed.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The rows have faults, or the history is full, which `message` tells; nothing was stored.
    #[error("{message}")]
    Faults { message: String, rows: Vec<RowFault> },
    /// The request has failed. A repetition is safe, because each row is stored once.
    #[error(transparent)]
    Http(HttpError),
}

/// Reads and writes the finished sessions of a user.
#[derive(Debug)]
pub struct ClockitHistory {
    http: HttpClient,
}

impl ClockitHistory {
    /// Returns the history of the user whose credential is in the options.
    #[must_use]
    pub fn new(options: &ClientOptions) -> Self {
        Self { http: HttpClient::new(options) }
    }

    /// Returns a page of the history.
    ///
    /// # Errors
    /// There is no answer, or the server rejects the request.
    pub async fn page(&self, query: &HistoryQuery) -> Result<HistoryPage, HttpError> {
        let request = HttpRequest::get(&["sessions"]).query("limit", query.limit);
        self.http.json(&request.query("before", query.before.as_ref())).await
    }

    /// Returns the whole history as CSV.
    ///
    /// # Errors
    /// As [`Self::page`].
    pub async fn csv(&self, form: CsvForm) -> Result<String, HttpError> {
        let bom = (form == CsvForm::Spreadsheet).then_some(1);
        let request = HttpRequest::get(&["sessions.csv"]).query("bom", bom).answer_bytes(CSV_BYTES_MAX);
        let text = String::from_utf8(self.http.send(&request).await?.into());
        text.map_err(|error| HttpError::InvalidAnswer { message: error.to_string() })
    }

    /// Stores sessions: all of them or none. Sessions that are stored already are not stored again.
    ///
    /// # Errors
    /// A session has faults, there is no answer, or the server rejects the request.
    pub async fn import(&self, sessions: &[FinishedSession]) -> Result<Imported, ImportError> {
        self.post(HttpRequest::new(Method::POST, &["ingestCsv"]).json(&json!({ "sessions": sessions }))).await
    }

    /// Stores the rows of a CSV file, as [`Self::import`] does.
    ///
    /// # Errors
    /// As [`Self::import`].
    pub async fn import_csv(&self, file: impl Into<String>) -> Result<Imported, ImportError> {
        self.post(HttpRequest::new(Method::POST, &["ingestCsv"]).body("text/csv", file.into())).await
    }

    async fn post(&self, request: HttpRequest) -> Result<Imported, ImportError> {
        self.http.json(&request).await.map_err(|error| match error {
            HttpError::Status { status: 422, message, details, .. } => {
                let rows = details.and_then(|mut details| details.get_mut("rows").map(Value::take));
                let rows = rows.and_then(|rows| serde_json::from_value(rows).ok()).unwrap_or_default();
                ImportError::Faults { message, rows }
            }
            error @ (HttpError::Status { .. } | HttpError::NoAnswer(_) | HttpError::InvalidAnswer { .. }) => {
                ImportError::Http(error)
            }
        })
    }
}
