//! Whether the server can read what clients send.

use timers::stopwatch::StopwatchCommand;
use wire::clockit::V1;
use wire::focus::{NewSessionRequest, ending_request, session_change};
use wire::punch_clock::{PostedDay, PostedLog, PunchClock, zone_name};
use wire::rooms::Rooms;
use wire::studio::{Procedure, StudioRequest};
use wire::{ClientMessage, Dialect, Fault, Request, token};

/// What the parser says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    Accepted,
    Refused,
    /// It is refused for something that a schema cannot say.
    RefusedByRule,
}

/// Parts of the reasons of refusals that schemas do not express.
const RULES: [&str; 4] = ["Exactly one of", "must be at most", "instant", "99999999.99"];

fn of<T>(read: Result<T, String>) -> Input {
    match read {
        Ok(_) => Input::Accepted,
        Err(reason) if RULES.iter().any(|rule| reason.contains(rule)) => Input::RefusedByRule,
        Err(_) => Input::Refused,
    }
}

fn message(fault: Fault) -> String {
    fault.message
}

pub(super) fn text(system: &str, text: &str) -> Input {
    match system {
        "clockit" => match V1::parse(text) {
            // The parser leaves it to the rules.
            Ok(ClientMessage { request: Request::System(StopwatchCommand::Start(start)), .. })
                if start.label.is_empty() =>
            {
                Input::Refused
            }
            read => of(read.map_err(|rejected| rejected.fault.message)),
        },
        "punch_clock" => of(PunchClock::parse(text).map_err(|rejected| rejected.fault.message)),
        _ => of(wire::focus::parse(text).map_err(|rejected| rejected.fault.message)),
    }
}

pub(super) fn event(name: &str, payload: Option<&str>) -> Input {
    match name {
        "auth" => of(token(payload).map_err(message)),
        name => of(Rooms::parse((name, payload)).map_err(|rejected| rejected.fault.message)),
    }
}

pub(super) fn call(path: &str, verb: &str, input: Option<&str>) -> Input {
    let procedure = Procedure::at(path).unwrap();
    if procedure.kind().method() != verb {
        return Input::RefusedByRule;
    }
    of(StudioRequest::read(procedure, input, "7").map_err(message))
}

pub(super) fn body(route: &str, body: &str) -> Input {
    match route {
        "POST /api/sessions" => of(NewSessionRequest::read(body).map_err(|bad| bad.0)),
        "PUT /api/sessions/{id}" => of(session_change(body).map_err(|bad| bad.0)),
        "PUT /api/sessions/{id}/end" => of(ending_request(body).map_err(|bad| bad.0)),
        "POST /api/session" => of(PostedDay::read(body).map_err(|bad| bad.0)),
        "POST /api/daily-logs" => of(PostedLog::read(body).map_err(|bad| bad.0)),
        "PUT /api/session/zone" => of(zone_name(body).map_err(|bad| bad.0)),
        route => panic!("{route} has no body"),
    }
}
