//! What a client sends.

use timers::room::{ADJUST_MAX, DURATION_MAX, RoomRefusal};
use timers::{BadField, Fields, MILLIS_PER_BEAT, Millis, RawJson, ResumeSecret, RoomId};

use crate::event::{Payload, invalid};
use crate::fault::{Code, Fault};
use crate::message::{ClientMessage, Rejected, Request};

/// The events that clients send.
pub const EVENTS: &[&str] = &[
    "session:create",
    "session:join",
    "session:leave",
    "timer:start",
    "timer:pause",
    "timer:resume",
    "timer:reset",
    "timer:adjust",
];

/// One request of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomRequest {
    /// Create a room and join it.
    Create {
        /// The duration; the default one if absent.
        duration: Option<Millis>,
        /// The client's name.
        name: Option<String>,
    },
    /// Join a room.
    Join {
        /// The room.
        room: RoomId,
        /// The client's name.
        name: Option<String>,
        /// The secret of a membership to resume.
        resume: Option<ResumeSecret>,
    },
    /// Leave the room.
    Leave,
    /// Start the countdown from the beginning.
    Start {
        /// The room, if it is named.
        room: Option<RoomId>,
        /// Another duration.
        duration: Option<Millis>,
    },
    /// Pause the countdown.
    Pause(Option<RoomId>),
    /// Resume the countdown.
    Resume(Option<RoomId>),
    /// Reset the countdown.
    Reset(Option<RoomId>),
    /// Move the end of the countdown.
    Adjust {
        /// The room, if it is named.
        room: Option<RoomId>,
        /// The number of milliseconds.
        by: i64,
    },
}

/// Reads a client's event and its payload.
pub(crate) fn parse(event: &str, payload: Option<&str>) -> Result<ClientMessage<RoomRequest>, Rejected> {
    let read: fn(Payload) -> Result<RoomRequest, Fault> = match event {
        "session:create" => create,
        "session:join" => join,
        "session:leave" => |_| Ok(RoomRequest::Leave),
        "timer:start" => start,
        "timer:pause" => |payload| of_room(payload).map(RoomRequest::Pause),
        "timer:resume" => |payload| of_room(payload).map(RoomRequest::Resume),
        "timer:reset" => |payload| of_room(payload).map(RoomRequest::Reset),
        "timer:adjust" => adjust,
        _ => return Err(Fault::of_client(Code::UnknownType, format!("there is no event {event:?}")).into()),
    };
    let mut payload = Payload::read(payload)?;
    let traceparent = payload.traceparent();
    let request = Request::System(read(payload)?);
    Ok(ClientMessage { id: None, traceparent, request })
}

fn create(payload: Payload) -> Result<RoomRequest, Fault> {
    let mut fields = payload.fields()?;
    Ok(RoomRequest::Create { duration: duration(&mut fields)?, name: name(&mut fields)? })
}

fn join(payload: Payload) -> Result<RoomRequest, Fault> {
    let mut fields = match payload {
        Payload::Bare(raw) => {
            let room = serde_json::from_str(raw.as_str()).map_err(|_| invalid("sessionId must be a string"))?;
            return Ok(RoomRequest::Join { room, name: None, resume: None });
        }
        Payload::Nothing | Payload::Fields(_) => payload.fields()?,
    };
    Ok(RoomRequest::Join {
        room: fields.require("sessionId").map_err(bad)?,
        name: name(&mut fields)?,
        resume: fields.take::<String>("resume").map_err(bad)?.and_then(|text| ResumeSecret::new(&text).ok()),
    })
}

fn start(payload: Payload) -> Result<RoomRequest, Fault> {
    let mut fields = match payload {
        Payload::Bare(raw) => return Ok(RoomRequest::Start { room: None, duration: Some(seconds(&raw)?) }),
        Payload::Nothing | Payload::Fields(_) => payload.fields()?,
    };
    Ok(RoomRequest::Start { duration: duration(&mut fields)?, room: room(&mut fields)? })
}

fn adjust(payload: Payload) -> Result<RoomRequest, Fault> {
    let mut fields = payload.fields()?;
    let invalid = || Fault::of_client(Code::InvalidSeconds, "seconds must be a number of an hour at most");
    let by: f64 = fields.require("seconds").map_err(|_| invalid())?;
    let millis = (by * MILLIS_PER_BEAT as f64).round();
    if millis.abs() > ADJUST_MAX.0 as f64 {
        return Err(invalid());
    }
    #[expect(clippy::cast_possible_truncation, reason = "an hour at most")]
    Ok(RoomRequest::Adjust { room: room(&mut fields)?, by: millis as i64 })
}

fn of_room(payload: Payload) -> Result<Option<RoomId>, Fault> {
    room(&mut payload.fields()?)
}

fn room(fields: &mut Fields) -> Result<Option<RoomId>, Fault> {
    fields.take("sessionId").map_err(bad)
}

/// Reads a name; a blank one counts as absent.
fn name(fields: &mut Fields) -> Result<Option<String>, Fault> {
    let name: Option<String> = fields.take("name").map_err(bad)?;
    let name = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    match name {
        Some(name) if name.chars().any(char::is_control) => Err(invalid("name must not contain control characters")),
        name => Ok(name),
    }
}

/// Reads a duration. An explicit `null` is refused: JavaScript writes it for a number that is not finite.
fn duration(fields: &mut Fields) -> Result<Option<Millis>, Fault> {
    fields.take_raw("duration").map(|raw| seconds(&raw)).transpose()
}

/// Reads whole seconds; fractions round up.
fn seconds(raw: &RawJson) -> Result<Millis, Fault> {
    let invalid = || Fault::from(RoomRefusal::InvalidDuration);
    let seconds: f64 = serde_json::from_str(raw.as_str()).map_err(|_| invalid())?;
    let seconds_max = DURATION_MAX.0 / MILLIS_PER_BEAT;
    if !(seconds > 0.0 && seconds.ceil() <= seconds_max as f64) {
        return Err(invalid());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and a day at most")]
    Ok(Millis(seconds.ceil() as u64 * MILLIS_PER_BEAT))
}

fn bad(bad: BadField) -> Fault {
    invalid(bad.to_string())
}
