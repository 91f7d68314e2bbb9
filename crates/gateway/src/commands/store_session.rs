//! A short-lived node, which serves no clients, for commands that change timers.

use std::sync::Arc;
use std::time::Instant;

use engine::{Dependencies, Effect, Engine, ExecuteError, Request};
use timers::{Board, Command, RequiredRows, Scope, StoredRows, Timestamp};
use tokio::time::sleep;

use crate::commands::Failure;
use crate::commands::store_connection::{OPEN_CHECK, OPEN_TIMEOUT, RETRY_PAUSE, RETRY_TIMEOUT, connect_as_command};
use crate::ops::config::Settings;
use crate::ops::engine_setup::engine_options;

/// A short-lived node, which serves no clients.
///
/// It learns the time as every node does, by the request for a beat. If other nodes run, one of them leads, and this one
/// only follows; if none runs, it leads meanwhile. When it closes, a node takes over at once.
pub(crate) struct StoreSession {
    engine: Arc<Engine>,
}

/// Why a request has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// The rules refuse it.
    #[error(transparent)]
    Refused(timers::Refusal),
    /// The store was unavailable for [`RETRY_TIMEOUT`], or its data is damaged.
    #[error("{0}")]
    Failed(String),
}

impl StoreSession {
    /// Connects to the store of the configuration, and waits until it can be used.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Failure> {
        let (settings, connected) = connect_as_command(settings)?;
        let session = Self { engine: Engine::start(connected, engine_options(&settings), Dependencies::default()) };
        match session.wait_until_usable().await {
            Ok(()) => Ok(session),
            Err(reason) => {
                session.close().await;
                Err(Failure::unavailable(format!("the store {} cannot be used: {reason}", settings.store.url)))
            }
        }
    }

    async fn wait_until_usable(&self) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let usable = self.engine.store().ready();
            let usable = usable.and_then(|()| self.date().ok_or_else(|| "it does not tell the time".to_owned()));
            match usable {
                Ok(_) => return Ok(()),
                Err(reason) if begun.elapsed() > OPEN_TIMEOUT => return Err(reason),
                Err(_) => sleep(OPEN_CHECK).await,
            }
        }
    }

    /// Returns the date.
    pub(crate) fn date(&self) -> Option<Timestamp> {
        self.engine.clock().date()
    }

    /// Reads a board with its instants as dates, and rows of its history. Repeats the request while the store is unavailable.
    pub(crate) async fn read(&self, scope: &Scope, rows: &RequiredRows) -> Result<(Board, StoredRows), RequestError> {
        let begun = Instant::now();
        loop {
            match self.engine.read(scope, rows).await {
                Ok(read) => return Ok(read),
                Err(error) if begun.elapsed() > RETRY_TIMEOUT || error.is_damage() => {
                    return Err(RequestError::Failed(error.to_string()));
                }
                Err(_) => sleep(RETRY_PAUSE).await,
            }
        }
    }

    /// Executes a command that may be repeated. Repeats it while the store is unavailable or other writers are faster.
    pub(crate) async fn execute(&self, scope: &Scope, command: &Command) -> Result<Effect, RequestError> {
        let begun = Instant::now();
        loop {
            let request = Request { scope: scope.clone(), command: command.clone(), id: None };
            match self.engine.execute(request).await {
                Ok(outcome) => return Ok(outcome.effect),
                Err(ExecuteError::Refused(refusal)) => return Err(RequestError::Refused(refusal)),
                Err(error) if begun.elapsed() > RETRY_TIMEOUT || error.is_damage() => {
                    return Err(RequestError::Failed(error.to_string()));
                }
                Err(_) => sleep(RETRY_PAUSE).await,
            }
        }
    }

    /// Hands over leadership if this process has it, and closes the store.
    pub(crate) async fn close(self) {
        if self.engine.is_leader() {
            self.engine.resign().await;
        }
        self.engine.stop().await;
    }
}
