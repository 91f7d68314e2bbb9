//! The HTTP routes of single sessions, and of the statistics.

use std::sync::Arc;
use std::time::Duration;

use access::Denied;
use axum::extract::{FromRequestParts, Path, Request as HttpRequest};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::{Effect, ExecuteError};
use net::limits::NetLimit;
use net::request_body::{BodyLimits, encoding_refusal, read_body};
use serde_json::json;
use timers::calendar::Zone;
use timers::focus::{FocusCommand, FocusId, FocusRefusal, FocusSession, FocusStats, NewSession, Spans};
use timers::{Refusal, RequiredRows, Scope, Timestamp};
use wire::focus::{
    BadFocusRequest, FocusDocument, NewSessionRequest, ending_request, session_change, session_id, with_score,
    with_session,
};
use wire::{Code, Fault};

use crate::http::authentication::authenticate;
use crate::http::json_answer::json_answer;
use crate::http::origin_check::ORIGIN_REQUIRED;
use crate::node::Node;
use crate::session::fault::fault;
use crate::systems::focus::Focus;
use crate::systems::focus::sessions::{FoundSession, Sessions};

/// Largest body: the texts of a session, many times over.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Most ids that are tried for a new session. One in 16 million is taken.
const IDS_MAX: usize = 4;

/// The answer to an end or a deletion of a session of somebody else.
const NOT_AUTHORIZED: &str = "Not authorized";

/// The header that names the zone of a person's days.
const ZONE_HEADER: &str = "x-time-zone";

/// How far back the offsets of a zone are given. Streaks are shorter.
const ZONE_BEFORE: Duration = Duration::from_secs(20 * 366 * 86_400);

/// A person, as a request sees them.
pub(super) struct FocusUser {
    pub(super) sessions: Sessions,
    /// The id as the login names it.
    pub(super) id: String,
}

impl FromRequestParts<Arc<Node>> for FocusUser {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, Response> {
        match authenticate::<Focus>(node, parts).await {
            Ok(identity) => {
                let sessions = Sessions { node: Arc::clone(node), scope: Scope::focus(&identity.user) };
                Ok(Self { sessions, id: identity.local_user().to_owned() })
            }
            Err(Denied::Missing) => Err(refusal(StatusCode::UNAUTHORIZED, "Not authorized to access this route")),
            Err(Denied::Rejected(_)) => Err(refusal(StatusCode::UNAUTHORIZED, "Token is not valid")),
            Err(Denied::Expired(_)) => {
                let body = json!({ "message": "Token expired", "code": "TOKEN_EXPIRED" });
                Err((StatusCode::UNAUTHORIZED, axum::Json(body)).into_response())
            }
            Err(Denied::OriginRequired) => Err(refusal(StatusCode::FORBIDDEN, ORIGIN_REQUIRED)),
            Err(Denied::Unavailable(_)) => {
                Err(refusal(StatusCode::SERVICE_UNAVAILABLE, "The login cannot be verified now; try again"))
            }
        }
    }
}

impl FocusUser {
    /// Returns the date of now; `None` while the node does not know the time.
    pub(super) fn now(&self) -> Option<Timestamp> {
        self.sessions.node.engine.clock().date()
    }

    /// Renders a session as it is now; `None` if the person has none of this id.
    async fn render(
        &self,
        id: FocusId,
        render: fn(&FocusDocument<'_>) -> String,
    ) -> Result<Option<Response>, Response> {
        let found = self.sessions.find(id).await.map_err(|fault| failure(&fault))?;
        Ok(match found {
            Some(FoundSession::Open(session)) => {
                Some(done(render(&FocusDocument::open(&session, &self.id, self.now().ok_or_else(no_time)?))))
            }
            Some(FoundSession::Ended(session)) => Some(done(render(&FocusDocument::ended(&session, &self.id)))),
            None => None,
        })
    }

    /// Carries out a command about a session, and renders the session after it. `forbidden` is the answer about a session
    /// of somebody else.
    async fn change(
        &self,
        id: FocusId,
        command: FocusCommand,
        forbidden: &str,
        render: fn(&FocusDocument<'_>) -> String,
    ) -> Result<Response, Response> {
        self.carry_out(id, command, forbidden).await?;
        match self.render(id, render).await {
            Ok(answer) => answer.ok_or_else(|| self.missing(id, forbidden)),
            // The command is carried out; a repetition changes nothing.
            Err(_) => Err(refusal(StatusCode::SERVICE_UNAVAILABLE, "the session is changed, and cannot be read now")),
        }
    }

    async fn carry_out(&self, id: FocusId, command: FocusCommand, forbidden: &str) -> Result<(), Response> {
        match self.sessions.execute(command).await {
            Ok(_) => Ok(()),
            Err(fault) if fault.code == Code::NotFound => Err(self.missing(id, forbidden)),
            Err(fault) => Err(failure(&fault)),
        }
    }

    /// Returns the answer about a session that the person does not have.
    fn missing(&self, id: FocusId, forbidden: &str) -> Response {
        if id.is_of_another(&self.sessions.scope) {
            refusal(StatusCode::FORBIDDEN, forbidden)
        } else {
            refusal(StatusCode::NOT_FOUND, &FocusRefusal::Unknown.to_string())
        }
    }
}

/// `POST /api/sessions`: creates a session.
pub(super) async fn create(user: FocusUser, request: HttpRequest) -> Result<Response, Response> {
    let text = body_text(&user.sessions.node, request).await?;
    let NewSessionRequest { content_id, subject, target_minutes } =
        NewSessionRequest::read(&text).map_err(|bad| bad_request(&bad))?;
    for _ in 0..IDS_MAX {
        let now = user.now().ok_or_else(no_time)?;
        let id = FocusId::new(&user.sessions.scope, now, std::array::from_fn(|_| fastrand::u8(..)));
        let new = NewSession {
            id,
            content_id: content_id.clone(),
            subject: subject.clone(),
            target_minutes: target_minutes.clone(),
        };
        match user.sessions.try_execute(FocusCommand::Create(new).into()).await {
            Ok(outcome) => return Ok(created(&user, &outcome.effect, id, now)),
            Err(ExecuteError::Refused(Refusal::Focus(FocusRefusal::IdTaken))) => {}
            Err(failed) => return Err(failure(&fault(&failed, false))),
        }
    }
    Err(failure(&FocusRefusal::IdTaken.into()))
}

/// Renders a session that a change has created. Nothing is tracked, so its instants are dates.
fn created(user: &FocusUser, effect: &Effect, id: FocusId, now: Timestamp) -> Response {
    let session = match effect {
        Effect::Change(change) => {
            change.put.values().find_map(|item| item.get::<FocusSession>().filter(|new| new.id == id))
        }
        Effect::Nothing | Effect::Repeated => None,
    };
    match session {
        Some(session) => json_answer(StatusCode::CREATED, with_session(&FocusDocument::open(session, &user.id, now))),
        None => failure(&FocusRefusal::IdTaken.into()),
    }
}

/// `GET /api/sessions/:id`: a session with its counters.
pub(super) async fn read(user: FocusUser, Path(id): Path<String>) -> Result<Response, Response> {
    let id = session_id(&id).map_err(|bad| bad_request(&bad))?;
    let answer = user.render(id, with_session).await?;
    answer.ok_or_else(|| user.missing(id, "Not authorized to access this session"))
}

/// `PUT /api/sessions/:id`: changes texts, target and status.
pub(super) async fn update(
    user: FocusUser,
    Path(id): Path<String>,
    request: HttpRequest,
) -> Result<Response, Response> {
    let id = session_id(&id).map_err(|bad| bad_request(&bad))?;
    let text = body_text(&user.sessions.node, request).await?;
    let change = session_change(&text).map_err(|bad| bad_request(&bad))?;
    if change.status.is_some() {
        settle(&user, id).await?;
    }
    let forbidden = "Not authorized to update this session";
    user.change(id, FocusCommand::Update(id, change), forbidden, with_session).await
}

/// `PUT /api/sessions/:id/end`: ends a session. A second end returns the first result.
pub(super) async fn end(user: FocusUser, Path(id): Path<String>, request: HttpRequest) -> Result<Response, Response> {
    let id = session_id(&id).map_err(|bad| bad_request(&bad))?;
    let text = body_text(&user.sessions.node, request).await?;
    let (ending, reported) = ending_request(&text).map_err(|bad| bad_request(&bad))?;
    settle(&user, id).await?;
    let command = FocusCommand::End(id, ending, reported, Spans::default());
    user.change(id, command, NOT_AUTHORIZED, with_score).await
}

/// Has the sockets of dead nodes removed from a session, whose time would count.
async fn settle(user: &FocusUser, id: FocusId) -> Result<(), Response> {
    let settled = user.sessions.load_settled(&RequiredRows::default(), Some(id)).await;
    settled.map(drop).map_err(|fault| failure(&fault))
}

/// `DELETE /api/sessions/:id`: deletes a session, ended or not.
pub(super) async fn delete(user: FocusUser, Path(id): Path<String>) -> Result<Response, Response> {
    let id = session_id(&id).map_err(|bad| bad_request(&bad))?;
    user.carry_out(id, FocusCommand::Delete(id), NOT_AUTHORIZED).await?;
    Ok(done(r#"{"success":true,"message":"Session deleted"}"#.to_owned()))
}

/// `GET /api/users/me/stats`: what all ended sessions add up to.
pub(super) async fn stats(user: FocusUser, headers: HeaderMap) -> Result<Response, Response> {
    let (board, _) = user.sessions.load(&RequiredRows::default()).await.map_err(|fault| failure(&fault))?;
    let now = user.now().ok_or_else(no_time)?;
    let zone = headers.get(ZONE_HEADER).and_then(|zone| zone.to_str().ok());
    let from = now - timers::Millis(u64::try_from(ZONE_BEFORE.as_millis()).unwrap_or_default());
    // A browser can know zones that this version does not.
    let zone = zone.and_then(|name| wire::zone(name.trim(), from, now)).unwrap_or_else(Zone::utc);
    let none = FocusStats::default();
    Ok(done(wire::focus::stats(board.get::<FocusStats>(&()).unwrap_or(&none), &zone, now)))
}

/// Reads a body as text, whatever its content type says.
async fn body_text(node: &Node, request: HttpRequest) -> Result<String, Response> {
    let (head, body) = request.into_parts();
    if let Some(refused) = encoding_refusal(&head.headers) {
        return Err(refused);
    }
    let limits = BodyLimits {
        max_bytes: BODY_BYTES_MAX,
        timeout: node.settings.limits.request_within,
        is_steady: false,
        too_large: Some(NetLimit::BodyBytes),
    };
    let bytes = read_body(body, limits, &*node.metrics).await?;
    String::from_utf8(bytes.into()).map_err(|_| refusal(StatusCode::BAD_REQUEST, "the body is not UTF-8"))
}

pub(super) fn done(json: String) -> Response {
    json_answer(StatusCode::OK, json)
}

pub(super) fn bad_request(bad: &BadFocusRequest) -> Response {
    refusal(StatusCode::BAD_REQUEST, &bad.0)
}

pub(super) fn no_time() -> Response {
    failure(&Fault::of_service(Code::Unavailable, "the store is unavailable; nothing was done"))
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({ "message": message }))).into_response()
}

/// Returns the answer to a request that was not carried out.
pub(super) fn failure(fault: &Fault) -> Response {
    let status = match fault.code {
        Code::NotFound | Code::NotJoined => StatusCode::NOT_FOUND,
        Code::InvalidJson
        | Code::InvalidMessage
        | Code::UnknownType
        | Code::InvalidDuration
        | Code::InvalidSeconds
        | Code::Limit
        | Code::Full => StatusCode::BAD_REQUEST,
        Code::Busy | Code::Unavailable | Code::OutcomeUnknown | Code::TimeUncertain => StatusCode::SERVICE_UNAVAILABLE,
        Code::Damaged => StatusCode::INTERNAL_SERVER_ERROR,
        Code::Unauthorized => StatusCode::UNAUTHORIZED,
    };
    refusal(status, &fault.message)
}
