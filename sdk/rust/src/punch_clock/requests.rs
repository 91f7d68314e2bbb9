//! The HTTP requests of the punch clock.

use std::sync::Arc;

use hyper::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::error::HttpError;
use crate::http::{HttpClient, HttpRequest};
use crate::iso_time;
use crate::options::ClientOptions;
use crate::punch_clock::protocol::{DayChanges, DayLogPage, DayLogQuery, Ignored, PunchStored, WorkDay};

const SESSION: &[&str] = &["api", "session"];

/// See the module.
#[derive(Debug)]
pub(crate) struct PunchClockRequests {
    http: HttpClient,
}

/// The answer to a request about the day.
#[derive(Deserialize)]
struct DayAnswer {
    data: Arc<WorkDay>,
    #[serde(default)]
    ignored: Vec<Ignored>,
}

impl PunchClockRequests {
    pub(crate) fn new(options: &ClientOptions) -> Self {
        Self { http: HttpClient::new(options) }
    }

    pub(crate) async fn day(&self) -> Result<Arc<WorkDay>, HttpError> {
        let answer: DayAnswer = self.http.json(&HttpRequest::get(SESSION)).await?;
        Ok(answer.data)
    }

    pub(crate) async fn post(&self, body: &Value) -> Result<PunchStored, HttpError> {
        let DayAnswer { data, ignored } = self.http.json(&HttpRequest::new(Method::POST, SESSION).json(body)).await?;
        Ok(PunchStored { day: data, ignored })
    }

    pub(crate) async fn reset(&self) -> Result<(), HttpError> {
        self.http.json(&HttpRequest::new(Method::DELETE, SESSION)).await.map(|_: IgnoredAny| ())
    }

    pub(crate) async fn set_zone(&self, zone: &str) -> Result<(), HttpError> {
        let request = HttpRequest::new(Method::PUT, &["api", "session", "zone"]).json(&json!({ "zone": zone }));
        self.http.json(&request).await.map(|_: IgnoredAny| ())
    }

    pub(crate) async fn logs(&self, query: &DayLogQuery) -> Result<DayLogPage, HttpError> {
        let request = HttpRequest::get(&["api", "daily-logs"]).query("date", query.date.as_ref());
        self.http.json(&request.query("limit", query.limit).query("page", query.page)).await
    }

    pub(crate) async fn beat(&self) -> Result<(), HttpError> {
        let request = HttpRequest::new(Method::POST, &["api", "heartbeat"]).json(&json!({}));
        self.http.json(&request).await.map(|_: IgnoredAny| ())
    }
}

impl DayChanges {
    /// Returns the body of a request. `updated_at` is that of the document in which the theme was chosen.
    pub(crate) fn body(&self, updated_at: i64) -> Value {
        let mut body = json!({ "updatedAt": iso_time::text(updated_at) });
        if !self.entries.is_empty() {
            body["entries"] = json!(self.entries);
        }
        if let Some(theme) = &self.current_theme {
            body["currentTheme"] = json!(theme);
        }
        body
    }
}
