//! Carrying out one call of a procedure.

use std::sync::Arc;

use access::Denied;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use engine::{Effect, JoinError, Request};
use timers::studio::{StudioCommand, StudioCounters, Target, TimeEntry};
use timers::{Board, ClientId, Command, CommandId, RequiredRows, Scope, UserId};
use wire::Fault;
use wire::studio::trpc::{CallError, ErrorCode};
use wire::studio::{Procedure, StudioRequest, active, entry, task_type, task_types};

use crate::http::authentication::authenticate;
use crate::node::{Node, Panicked};
use crate::session::fault::fault;
use crate::systems::studio::Studio;
use crate::systems::studio::entry_list::EntryPages;
use crate::systems::studio::written::Written;

/// The header with which a client marks a call that it may repeat.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The authenticated caller of a request.
pub(super) struct Caller {
    user: UserId,
    /// The user's id as the login names it.
    local_user: String,
    scope: Scope,
    /// The client and the id of the request, if it has one.
    key: Option<(ClientId, String)>,
}

/// The result of a call.
pub(super) enum Answer {
    /// JSON.
    Json(String),
    /// A list that is read while it is sent.
    Entries(Box<EntryPages>),
}

impl Caller {
    /// Authenticates the caller of a request. Its organisation is that of its login.
    pub(super) async fn authenticate(node: &Node, head: &Parts) -> Result<Self, CallError> {
        let identity = match authenticate::<Studio>(node, head).await {
            Ok(identity) => identity,
            Err(Denied::Missing | Denied::Rejected(_) | Denied::Expired(_) | Denied::OriginRequired) => {
                return Err(CallError::not_logged_in());
            }
            Err(Denied::Unavailable(_)) => {
                let message = "the session cannot be verified now; try again";
                return Err(CallError::new(ErrorCode::ServiceUnavailable, message));
            }
        };
        let Some(organization) = &identity.organization else { return Err(CallError::not_logged_in()) };
        let key = key(&head.headers, &identity.user)?;
        Ok(Self {
            local_user: identity.local_user().to_owned(),
            scope: Scope::organization(organization),
            user: identity.user,
            key,
        })
    }

    pub(super) fn user(&self) -> &UserId {
        &self.user
    }

    /// Carries out a call, the nth of its request.
    pub(super) async fn call(
        &self,
        node: &Arc<Node>,
        procedure: Procedure,
        input: Option<&str>,
        nth: usize,
    ) -> Result<Answer, CallError> {
        let request =
            StudioRequest::read(procedure, input, &self.local_user).map_err(|fault| CallError::from(&fault))?;
        match request {
            StudioRequest::ListTaskTypes { include_inactive } => {
                let board = self.opened_board(node).await?;
                Ok(Answer::Json(task_types(&board, include_inactive)))
            }
            StudioRequest::GetActive(target) => {
                let board = self.board(node).await?;
                Ok(Answer::Json(active(running(&board, target), &board)))
            }
            StudioRequest::ListEntries(list) => {
                let board = self.board(node).await?;
                let pages = EntryPages::open(node, board, list).await;
                pages.map(|pages| Answer::Entries(Box::new(pages))).map_err(|fault| {
                    node.engine.hub().report_if_damaged(&self.scope, &fault);
                    board_unread(&JoinError::Store(fault))
                })
            }
            StudioRequest::Command(command) => self.execute(node, command, nth).await.map(Answer::Json),
        }
    }

    async fn board(&self, node: &Node) -> Result<Board, CallError> {
        let read = node.engine.read(&self.scope, &RequiredRows::default()).await;
        read.map(|(board, _)| board).map_err(|error| board_unread(&error))
    }

    /// Returns the board of an organisation that has its first task types.
    async fn opened_board(&self, node: &Arc<Node>) -> Result<Board, CallError> {
        let board = self.board(node).await?;
        if board.get::<StudioCounters>(&()).is_some() {
            return Ok(board);
        }
        run(node, Request { scope: self.scope.clone(), command: StudioCommand::Open.into(), id: None }).await?;
        self.board(node).await
    }

    /// Carries out a command, and renders what it has written.
    async fn execute(&self, node: &Arc<Node>, command: StudioCommand, nth: usize) -> Result<String, CallError> {
        let includes_type = matches!(command, StudioCommand::Start(_));
        let id = self
            .key
            .as_ref()
            .map(|(client, key)| CommandId::of(client, &format!("{key} {nth}"), &Command::Studio(command.clone())));
        let request = Request { scope: self.scope.clone(), command: command.clone().into(), id };
        let outcome = run(node, request).await?;
        let written = match &outcome.effect {
            Effect::Change(change) => Written::of_change(&command, change),
            Effect::Repeated | Effect::Nothing => {
                let read = Written::of_revision(node, &self.scope, &command, outcome.revision).await;
                read.map_err(|error| board_unread(&error))?
            }
        };
        match written {
            Some(Written::TaskType(written)) => Ok(task_type(&written)),
            Some(Written::Entry(written)) if includes_type => {
                let view = node.engine.view(&self.scope);
                let board = match &view {
                    Some(view) => view.dated(),
                    None => &self.board(node).await?,
                };
                Ok(active(Some(&written), board))
            }
            Some(Written::Entry(written)) => Ok(entry(&written)),
            None => {
                let message = "the call was carried out before, and its result has changed since";
                Err(CallError::new(ErrorCode::InternalServerError, message))
            }
        }
    }
}

async fn run(node: &Arc<Node>, request: Request) -> Result<engine::Outcome, CallError> {
    let is_repeatable = request.id.is_some();
    match node.execute_detached(request).await {
        Ok(outcome) => outcome.map_err(|failed| CallError::from(&fault(&failed, is_repeatable))),
        Err(Panicked) => Err(CallError::new(ErrorCode::InternalServerError, "the call could not be carried out")),
    }
}

fn running(board: &Board, target: Target) -> Option<&TimeEntry> {
    board.all::<TimeEntry>().find(|entry| entry.target == target)
}

/// Returns the id that a client gave its request.
fn key(headers: &HeaderMap, user: &UserId) -> Result<Option<(ClientId, String)>, CallError> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let bad = || CallError::new(ErrorCode::BadRequest, "Idempotency-Key must be 1 to 200 printable characters");
    let key = key.to_str().ok().filter(|key| (1..=200).contains(&key.len())).ok_or_else(bad)?;
    let client = ClientId::new(user.as_str()).map_err(|_| bad())?;
    Ok(Some((client, key.to_owned())))
}

fn board_unread(error: &JoinError) -> CallError {
    match error {
        error if error.is_damage() => (&Fault::damaged()).into(),
        error => {
            tracing::debug!(%error, "a board cannot be read");
            CallError::new(ErrorCode::ServiceUnavailable, "the store is unavailable; try again")
        }
    }
}
