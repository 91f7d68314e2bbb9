//! The requests of a client's task: commands that set the status of a session, and loads.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::mpsc;

use crate::error::HttpError;
use crate::focus::client::ended;
use crate::focus::documents::{Load, Loaded};
use crate::focus::protocol::{FocusListQuery, FocusSession, FocusStatus};
use crate::focus::requests::FocusRequests;
use crate::http::REQUEST_MAX;
use crate::http_answer::patient_answer;
use crate::outbox::{Answer, Command, OutboxLimits};

/// A command waits for as long as a person remembers it. One that may have been carried out is repeated for minutes only,
/// because another device may have paused or resumed the session meanwhile. Two requests at once could overtake the next
/// command, because requests have no ids.
pub(crate) const LIMITS: OutboxLimits = OutboxLimits {
    resend_window: Duration::from_mins(4),
    queued_max: Duration::from_hours(24),
    attempts_max: None,
    response_timeout: REQUEST_MAX,
};

/// What a request has returned.
pub(crate) enum FocusAnswer {
    Command(Command, Result<Arc<FocusSession>, HttpError>),
    Loaded(Loaded),
}

/// The payload of a command: each sets a status, so that a repeated one changes nothing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatusChange {
    pub(crate) session_id: String,
    pub(crate) status: FocusStatus,
}

/// Returns the answer to a command. No command is given up because a server is not reached.
pub(crate) fn answer(status: FocusStatus, result: Result<Arc<FocusSession>, HttpError>) -> Answer<Arc<FocusSession>> {
    match result {
        // Of two ends the first stands, and nothing reopens a session.
        Ok(session) if !status.is_open() || session.status == status => Answer::Done(session),
        Ok(_) => Answer::Failed { error: ended(), retry: false, retry_after: None },
        Err(error) => patient_answer(error),
    }
}

pub(crate) async fn post(requests: Arc<FocusRequests>, command: Command, returns: mpsc::Sender<FocusAnswer>) {
    let result = match StatusChange::deserialize(&command.payload) {
        Ok(change) => requests.set_status(&change.session_id, change.status).await,
        Err(error) => Err(HttpError::InvalidAnswer { message: error.to_string() }),
    };
    // The client may have gone.
    returns.send(FocusAnswer::Command(command, result)).await.ok();
}

pub(crate) async fn load(requests: Arc<FocusRequests>, due: Load, returns: mpsc::Sender<FocusAnswer>) {
    let loaded = match due {
        Load::Current(id) => {
            let result = requests.get(&id).await;
            Loaded::Current(id, result)
        }
        Load::Newest(before) => {
            let newest = FocusListQuery { limit: Some(1), ..FocusListQuery::default() };
            Loaded::Newest(before, requests.list(&newest).await)
        }
        Load::Stats => Loaded::Stats(requests.stats().await),
    };
    // The client may have gone.
    returns.send(FocusAnswer::Loaded(loaded)).await.ok();
}
