//! The HTTP requests of Focus. Each has its effect once, however often it is repeated, except for the creation of a session.

use std::sync::Arc;

use hyper::Method;
use hyper::header::HeaderValue;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::HttpError;
use crate::focus::options::FocusOptions;
use crate::focus::protocol::{
    FocusListQuery, FocusSession, FocusSessionChange, FocusStats, FocusStatus, NewFocusSession,
};
use crate::http::{HttpClient, HttpRequest};

const SESSIONS: [&str; 2] = ["api", "sessions"];

/// See the module.
#[derive(Debug)]
pub(crate) struct FocusRequests {
    http: HttpClient,
    zone: Option<HeaderValue>,
}

#[derive(Deserialize)]
struct SessionAnswer {
    session: Arc<FocusSession>,
}

#[derive(Deserialize)]
struct ListAnswer {
    sessions: Vec<Arc<FocusSession>>,
}

impl FocusRequests {
    pub(crate) fn new(options: &FocusOptions) -> Self {
        // A name that no header can have is none of the database: the server's default counts.
        let zone = options.zone.as_deref().and_then(|zone| HeaderValue::from_str(zone).ok());
        Self { http: HttpClient::new(&options.client), zone }
    }

    pub(crate) async fn create(&self, session: &NewFocusSession) -> Result<Arc<FocusSession>, HttpError> {
        self.send(HttpRequest::new(Method::POST, &SESSIONS).json(&body(session))).await
    }

    pub(crate) async fn get(&self, id: &str) -> Result<Arc<FocusSession>, HttpError> {
        self.send(HttpRequest::get(&["api", "sessions", id])).await
    }

    pub(crate) async fn change(&self, id: &str, change: &FocusSessionChange) -> Result<Arc<FocusSession>, HttpError> {
        self.send(HttpRequest::new(Method::PUT, &["api", "sessions", id]).json(&body(change))).await
    }

    /// Pauses, resumes or ends a session.
    pub(crate) async fn set_status(&self, id: &str, status: FocusStatus) -> Result<Arc<FocusSession>, HttpError> {
        let end = ["api", "sessions", id, "end"];
        let path = if status.is_open() { &end[..3] } else { &end[..] };
        self.send(HttpRequest::new(Method::PUT, path).json(&json!({ "status": status }))).await
    }

    pub(crate) async fn remove(&self, id: &str) -> Result<(), HttpError> {
        let request = HttpRequest::new(Method::DELETE, &["api", "sessions", id]);
        self.http.json(&request).await.map(|_: IgnoredAny| ())
    }

    pub(crate) async fn list(&self, query: &FocusListQuery) -> Result<Vec<Arc<FocusSession>>, HttpError> {
        let status = query.status.map(|status| body(&status)).and_then(|status| status.as_str().map(str::to_owned));
        let request = HttpRequest::get(&SESSIONS).query("status", status).query("limit", query.limit);
        let ListAnswer { sessions } = self.http.json(&request.query("before", query.before.as_ref())).await?;
        Ok(sessions)
    }

    pub(crate) async fn stats(&self) -> Result<FocusStats, HttpError> {
        let request = HttpRequest::get(&["api", "users", "me", "stats"]);
        let request = match &self.zone {
            Some(zone) => request.header("x-time-zone", zone.clone()),
            None => request,
        };
        self.http.json(&request).await
    }

    async fn send(&self, request: HttpRequest) -> Result<Arc<FocusSession>, HttpError> {
        let SessionAnswer { session } = self.http.json(&request).await?;
        Ok(session)
    }
}

/// The library's own types are JSON.
fn body(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
