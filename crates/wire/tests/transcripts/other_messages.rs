//! Messages that no transcript shows: every error, and what is not of a board.

use std::time::Duration;

use timers::stopwatch::Finished;
use timers::{RawJson, Timestamp};
use wire::clockit::rows::{COLUMNS, RowFormat, read_rows, to_json};
use wire::clockit::{Seed, V1};
use wire::punch_clock::PunchClock;
use wire::rooms::Rooms;
use wire::studio::Studio;
use wire::studio::trpc::{CallError, ErrorCode};
use wire::{Code, Dialect, Event, Fault, MessageId, Request, TextDialect, answer_time_sync, focus, going_away};

use super::schemas::Schemas;

const CODES: [Code; 15] = [
    Code::InvalidJson,
    Code::InvalidMessage,
    Code::UnknownType,
    Code::NotFound,
    Code::NotJoined,
    Code::Full,
    Code::InvalidDuration,
    Code::InvalidSeconds,
    Code::Limit,
    Code::Busy,
    Code::Unavailable,
    Code::Damaged,
    Code::OutcomeUnknown,
    Code::Unauthorized,
    Code::TimeUncertain,
];

/// Validates the messages and returns their names.
pub(super) fn check(schemas: &Schemas) -> Vec<String> {
    let mut seen = Vec::new();
    seen.extend(of_text_dialect::<Seed>(schemas, "clockit"));
    seen.extend(of_text_dialect::<V1>(schemas, "clockit"));
    seen.extend(of_text_dialect::<PunchClock>(schemas, "punch_clock"));
    seen.extend(of_focus(schemas));
    seen.extend(of_event_dialect::<Rooms>(schemas));
    seen.extend(of_event_dialect::<Studio>(schemas));
    seen.push("studio auth".to_owned());
    of_bodies(schemas);
    seen.extend(["POST /timesync".to_owned(), "GET /sessions".to_owned()]);
    seen
}

fn fault(code: Code) -> Fault {
    Fault::of_service(code, "a reason")
}

/// Codes that only rooms have are no codes of Clockit.
fn is_of_texts(code: &Code) -> bool {
    !matches!(code, Code::NotJoined | Code::Full | Code::InvalidDuration | Code::InvalidSeconds)
}

fn id() -> MessageId {
    let message = V1::parse(r#"{"type":"time-ping","id":"an id","t0":1}"#).unwrap();
    message.id.unwrap()
}

fn of_text_dialect<D: TextDialect>(schemas: &Schemas, system: &'static str) -> Vec<String> {
    let mut seen = Vec::new();
    for code in CODES.into_iter().filter(is_of_texts) {
        seen.push(schemas.check_text(D::NAME, &D::error(None, &fault(code))));
        seen.push(schemas.check_text(D::NAME, &D::error(Some(&id()), &fault(code))));
    }
    for expires_at in [None, Some(Timestamp(5))] {
        seen.push(schemas.check_text(D::NAME, &D::authenticated(Some(&id()), expires_at)));
    }
    seen.extend(of_every_text(schemas, system, D::NAME));
    seen
}

/// Validates the messages of every WebSocket.
fn of_every_text(schemas: &Schemas, system: &'static str, channel: &str) -> Vec<String> {
    let Request::Time(ping) = V1::parse(r#"{"type":"time-ping","t0":-1.5e3}"#).unwrap().request else {
        panic!("it is a ping")
    };
    vec![
        schemas.check_text(channel, &ping.pong(Timestamp(6), Timestamp(7))),
        schemas.check_text(channel, &going_away(Duration::from_secs(5))),
        schemas.check_client_text(system, channel, r#"{"type":"time-ping","id":null,"t0":1.5}"#),
        schemas.check_client_text(system, channel, r#"{"type":"time-ping","t0":"1"}"#),
        schemas.check_client_text(system, channel, r#"{"type":"auth","id":1,"payload":{"token":"x.y.z"}}"#),
        schemas.check_client_text(system, channel, r#"{"type":"auth","payload":{"token":""}}"#),
    ]
}

fn of_focus(schemas: &Schemas) -> Vec<String> {
    let mut seen = of_every_text(schemas, "focus", focus::NAME);
    for code in CODES {
        seen.push(schemas.check_text(focus::NAME, &focus::failed(Some(&id()), &fault(code))));
    }
    seen.push(schemas.check_text(focus::NAME, &focus::authenticated(None, Some(Timestamp(5)))));
    seen
}

fn of_event_dialect<D: Dialect<Answer = Event>>(schemas: &Schemas) -> Vec<String> {
    let errors = CODES.map(|code| D::error(None, &fault(code)));
    let others = [D::authenticated(None, None), D::authenticated(None, Some(Timestamp(5)))];
    let away = Event::going_away(Duration::from_secs(5));
    let events = errors.into_iter().chain(others).chain([away]);
    events.map(|event| schemas.check_event(D::NAME, event.name, &event.payload)).collect()
}

fn of_bodies(schemas: &Schemas) {
    for request in ["", "[]", r#"{"id":[1],"method":"timesync"}"#, r#"{"id":1,"method":"other"}"#] {
        for now in [None, Some(Timestamp(5))] {
            schemas.check_json("JsonRpcResponse", &answer_time_sync(request.as_bytes(), now).0);
        }
    }
    let envelope = |code| CallError::new(code, "a reason").envelope(None);
    for code in [ErrorCode::Timeout, ErrorCode::UnsupportedMediaType, ErrorCode::InternalServerError] {
        schemas.check_json("TrpcErrorEnvelope", &envelope(code));
    }
    let row = r#"2026-11-20T10:00:00Z,2026-11-20T11:00:00Z,3600,1.5,2,3,{"a":1},{"b":2},c,d,e,f,g,h,i,j,k,[1],l"#;
    let file = format!(
        "{}\n{}\n",
        COLUMNS.join(","),
        row.replace(r#"{"a":1}"#, r#""{""a"":1}""#).replace(r#"{"b":2}"#, r#""{""b"":2}""#)
    );
    let rows = read_rows(RowFormat::Csv, file.as_bytes(), 10_000).unwrap();
    assert_eq!(rows.len(), 1);
    let stopped =
        Finished { goals: Some(RawJson::new("[]").unwrap()), group_id: Some("g".to_owned()), ..rows[0].clone() };
    for row in [&rows[0], &stopped, &Finished::default()] {
        schemas.check_json("FinishedSession", &to_json(row));
        schemas.check_json("FinishedSessionList", &format!(r#"{{"sessions":[{}],"next":"5"}}"#, to_json(row)));
    }
}
