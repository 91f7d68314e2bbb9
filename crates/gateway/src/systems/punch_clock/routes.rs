//! The routes of a person's current day.

use std::sync::Arc;

use access::Denied;
use axum::extract::{FromRequestParts, Request as HttpRequest, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use net::limits::NetLimit;
use net::request_body::{BodyLimits, BodyReader, encoding_refusal};
use serde_json::json;
use wire::punch_clock::{BadRequest, Document, PostedDay, document, ignored, saved, zone_name};
use wire::zone;

use crate::http::authentication::authenticate;
use crate::http::json_answer::json_answer;
use crate::http::origin_check::ORIGIN_REQUIRED;
use crate::node::Node;
use crate::systems::punch_clock::PunchClock;
use crate::systems::punch_clock::days::{Failed, Posted, Worker};

impl FromRequestParts<Arc<Node>> for Worker {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, Response> {
        match authenticate::<PunchClock>(node, parts).await {
            Ok(identity) => Ok(Self::new(node, &identity)),
            Err(Denied::Missing | Denied::Rejected(_) | Denied::Expired(_)) => {
                Err(refusal(StatusCode::UNAUTHORIZED, "Unauthorized"))
            }
            Err(Denied::OriginRequired) => Err(refusal(StatusCode::FORBIDDEN, ORIGIN_REQUIRED)),
            Err(Denied::Unavailable(_)) => {
                Err(refusal(StatusCode::SERVICE_UNAVAILABLE, "The login cannot be verified now; try again"))
            }
        }
    }
}

/// `GET /api/session`: the document.
pub(super) async fn read(worker: Worker) -> Response {
    match worker.read().await {
        Ok(loaded) => {
            let person = worker.person(loaded.active_at);
            done(document(&Document::of(loaded.day.as_ref(), person, worker.now())))
        }
        Err(failed) => failure(&failed),
    }
}

/// `POST /api/session`: unites the posted document with the stored one.
pub(super) async fn save(State(node): State<Arc<Node>>, worker: Worker, request: HttpRequest) -> Response {
    let text = match body_text(&node, request).await {
        Ok(text) => text,
        Err(refused) => return refused,
    };
    let posted = match PostedDay::read(&text) {
        Ok(posted) => posted,
        Err(BadRequest(reason)) => return refusal(StatusCode::BAD_REQUEST, &reason),
    };
    let request = Posted { punches: posted.punches.clone(), theme: posted.theme.clone(), log: None };
    match worker.save(&request).await {
        Ok(loaded) => {
            let document = Document::of(loaded.day.as_ref(), worker.person(loaded.active_at), worker.now());
            let ignored = ignored(&document, &posted, &node.settings.rules.punch_clock);
            done(saved(&document, &posted, &ignored))
        }
        Err(failed) => failure(&failed),
    }
}

/// `DELETE /api/session`: resets the day.
pub(super) async fn reset(worker: Worker) -> Response {
    match worker.reset().await {
        Ok(()) => done(r#"{"success":true,"message":"Session reset successfully"}"#.to_owned()),
        Err(failed) => failure(&failed),
    }
}

/// `PUT /api/session/zone`: moves the person to a time zone.
pub(super) async fn set_zone(State(node): State<Arc<Node>>, worker: Worker, request: HttpRequest) -> Response {
    let text = match body_text(&node, request).await {
        Ok(text) => text,
        Err(refused) => return refused,
    };
    let name = match zone_name(&text) {
        Ok(name) => name,
        Err(BadRequest(reason)) => return refusal(StatusCode::BAD_REQUEST, &reason),
    };
    let Some(zone) = zone(&name, worker.now(), worker.now()) else {
        let known: String = name.chars().take(64).collect();
        return refusal(StatusCode::BAD_REQUEST, &format!("there is no time zone {known:?}"));
    };
    match worker.set_zone(zone.name()).await {
        Ok(()) => done(format!(r#"{{"success":true,"zone":"{}"}}"#, zone.name())),
        Err(failed) => failure(&failed),
    }
}

/// `POST /api/heartbeat`: records that the page is open. Publishes nothing.
pub(super) async fn heartbeat(State(node): State<Arc<Node>>, worker: Worker, request: HttpRequest) -> Response {
    // The body has only the client's time, which does not count.
    if let Err(refused) = body_text(&node, request).await {
        return refused;
    }
    let Some(now) = node.engine.clock().date() else { return failure(&Failed::Unavailable) };
    match node.engine.store().touch(&worker.scope, now).await {
        Ok(()) => done(format!(r#"{{"success":true,"message":"Heartbeat received","serverTime":{now}}}"#)),
        Err(fault) => {
            node.engine.hub().report_if_damaged(&worker.scope, &fault);
            tracing::debug!(%fault, "a heartbeat cannot be recorded");
            failure(&Failed::Unavailable)
        }
    }
}

/// Reads a body as text, whatever its content type says.
pub(super) async fn body_text(node: &Node, request: HttpRequest) -> Result<String, Response> {
    let (head, body) = request.into_parts();
    if let Some(refused) = encoding_refusal(&head.headers) {
        return Err(refused);
    }
    let limits = BodyLimits {
        max_bytes: node.settings.systems.punch_clock.body_bytes,
        timeout: node.settings.limits.request_within,
        is_steady: true,
        too_large: Some(NetLimit::BodyBytes),
    };
    let mut body = BodyReader::new(body, limits, &*node.metrics);
    let read = body.read_all().await;
    node.body_slots.count_bytes(body.received());
    if read.as_ref().is_err_and(|refused| refused.status() == StatusCode::PAYLOAD_TOO_LARGE) {
        body.discard().await;
    }
    let bytes = read?;
    String::from_utf8(bytes.into()).map_err(|_| refusal(StatusCode::BAD_REQUEST, "the body is not UTF-8"))
}

pub(super) fn done(json: String) -> Response {
    json_answer(StatusCode::OK, json)
}

pub(super) fn refusal(status: StatusCode, reason: &str) -> Response {
    (status, axum::Json(json!({ "error": reason }))).into_response()
}

pub(super) fn failure(failed: &Failed) -> Response {
    match failed {
        Failed::Unavailable => refusal(StatusCode::SERVICE_UNAVAILABLE, "Failed to update session"),
        Failed::Damaged => refusal(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the stored data is damaged and cannot be used; nothing was done",
        ),
    }
}
