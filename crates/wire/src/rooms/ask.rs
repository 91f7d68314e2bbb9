//! What a client asks for.

use std::fmt;

use timers::room::{ADJUST_MAX, DURATION_MAX};
use timers::{BadField, Fields, MILLIS_PER_BEAT, Millis, RawJson, ResumeSecret, RoomId};

use crate::rooms::fault::{Code, Fault};
use crate::trace;

/// One request of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Make a room and come in.
    Create {
        /// Its duration, if it is not the usual.
        duration: Option<Millis>,
        /// The client's name.
        name: Option<String>,
    },
    /// Come into a room.
    Join {
        /// Which.
        room: RoomId,
        /// The client's name.
        name: Option<String>,
        /// The secret of a membership to take over.
        resume: Option<ResumeSecret>,
    },
    /// Go.
    Leave,
    /// Begin the countdown anew.
    Start {
        /// The room, if it is named.
        room: Option<RoomId>,
        /// Its duration, if it is to have another.
        duration: Option<Millis>,
    },
    /// Hold it.
    Pause(Option<RoomId>),
    /// Go on with it.
    Resume(Option<RoomId>),
    /// Put it back.
    Reset(Option<RoomId>),
    /// Go on as who one is, with another token.
    Auth(Token),
    /// Move its end.
    Adjust {
        /// The room, if it is named.
        room: Option<RoomId>,
        /// By how many milliseconds.
        by: i64,
    },
}

/// A token that a client sends.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    /// Leaves it out: it must not get into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

/// What a client says with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// What it asks for.
    pub ask: Ask,
    /// The span that it belongs to, as the client says (W3C Trace Context).
    pub traceparent: Option<String>,
}

/// What comes with an event: nothing, one bare value, or fields.
enum Payload {
    Nothing,
    Bare(RawJson),
    Fields(Fields),
}

/// Reads a client's event and its payload; `None` if there is no such event.
///
/// # Errors
/// The fault to answer with.
pub fn parse(event: &str, payload: Option<&str>) -> Option<Result<Said, Fault>> {
    let read: fn(Payload) -> Result<Ask, Fault> = match event {
        "session:create" => create,
        "session:join" => join,
        "session:leave" => |_| Ok(Ask::Leave),
        "timer:start" => start,
        "timer:pause" => |payload| of_room(payload).map(Ask::Pause),
        "timer:resume" => |payload| of_room(payload).map(Ask::Resume),
        "timer:reset" => |payload| of_room(payload).map(Ask::Reset),
        "timer:adjust" => adjust,
        "auth" => auth,
        _ => return None,
    };
    Some(Payload::read(payload).and_then(|mut payload| {
        let traceparent = payload.traceparent();
        Ok(Said { ask: read(payload)?, traceparent })
    }))
}

impl Payload {
    fn read(text: Option<&str>) -> Result<Self, Fault> {
        let Some(text) = text else { return Ok(Self::Nothing) };
        let raw = RawJson::new(text).map_err(|error| Fault::payload(format!("not JSON: {error}")))?;
        Ok(match raw.as_str().bytes().next() {
            Some(b'n') => Self::Nothing,
            Some(b'{') => {
                Self::Fields(serde_json::from_str(raw.as_str()).map_err(|error| Fault::payload(error.to_string()))?)
            }
            Some(_) | None => Self::Bare(raw),
        })
    }

    fn traceparent(&mut self) -> Option<String> {
        match self {
            Self::Fields(fields) => trace::parent(fields),
            Self::Nothing | Self::Bare(_) => None,
        }
    }

    /// Returns the fields; none if there is nothing.
    fn fields(self) -> Result<Fields, Fault> {
        match self {
            Self::Nothing => Ok(Fields::default()),
            Self::Fields(fields) => Ok(fields),
            Self::Bare(_) => Err(Fault::payload("the payload must be an object")),
        }
    }
}

fn create(payload: Payload) -> Result<Ask, Fault> {
    let mut fields = payload.fields()?;
    Ok(Ask::Create { duration: duration(&mut fields)?, name: name(&mut fields)? })
}

fn join(payload: Payload) -> Result<Ask, Fault> {
    let mut fields = match payload {
        Payload::Bare(raw) => {
            let room = serde_json::from_str(raw.as_str()).map_err(|_| Fault::payload("sessionId must be a string"))?;
            return Ok(Ask::Join { room, name: None, resume: None });
        }
        Payload::Nothing | Payload::Fields(_) => payload.fields()?,
    };
    Ok(Ask::Join {
        room: fields.require("sessionId").map_err(bad)?,
        name: name(&mut fields)?,
        resume: fields.take::<String>("resume").map_err(bad)?.and_then(|text| ResumeSecret::new(&text).ok()),
    })
}

fn start(payload: Payload) -> Result<Ask, Fault> {
    let mut fields = match payload {
        Payload::Bare(raw) => return Ok(Ask::Start { room: None, duration: Some(seconds(&raw)?) }),
        Payload::Nothing | Payload::Fields(_) => payload.fields()?,
    };
    Ok(Ask::Start { duration: duration(&mut fields)?, room: room(&mut fields)? })
}

fn adjust(payload: Payload) -> Result<Ask, Fault> {
    let mut fields = payload.fields()?;
    let invalid = || Fault::new(Code::InvalidSeconds, "seconds must be a number of an hour at most");
    let by: f64 = fields.require("seconds").map_err(|_| invalid())?;
    let millis = (by * MILLIS_PER_BEAT as f64).round();
    if millis.abs() > ADJUST_MAX.0 as f64 {
        return Err(invalid());
    }
    #[expect(clippy::cast_possible_truncation, reason = "an hour at most")]
    Ok(Ask::Adjust { room: room(&mut fields)?, by: millis as i64 })
}

fn auth(payload: Payload) -> Result<Ask, Fault> {
    let token = payload.fields()?.take::<String>("token").ok().flatten().filter(|token| !token.is_empty());
    // What is wrong with it is not told: the reader of a fault may quote what it has read.
    token.map(|token| Ask::Auth(Token(token))).ok_or_else(|| Fault::payload("token must be a string"))
}

fn of_room(payload: Payload) -> Result<Option<RoomId>, Fault> {
    room(&mut payload.fields()?)
}

fn room(fields: &mut Fields) -> Result<Option<RoomId>, Fault> {
    fields.take("sessionId").map_err(bad)
}

/// A name; what is blank is none.
fn name(fields: &mut Fields) -> Result<Option<String>, Fault> {
    let name: Option<String> = fields.take("name").map_err(bad)?;
    let name = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    match name {
        Some(name) if name.chars().any(char::is_control) => {
            Err(Fault::payload("name must not contain control characters"))
        }
        name => Ok(name),
    }
}

/// A duration; a `null` that is given in so many letters is what JavaScript makes of a number that is none.
fn duration(fields: &mut Fields) -> Result<Option<Millis>, Fault> {
    fields.take_raw("duration").map(|raw| seconds(&raw)).transpose()
}

/// Whole seconds; fractions round up.
fn seconds(raw: &RawJson) -> Result<Millis, Fault> {
    let invalid = || Fault::from(timers::room::Refusal::InvalidDuration);
    let seconds: f64 = serde_json::from_str(raw.as_str()).map_err(|_| invalid())?;
    let most = DURATION_MAX.0 / MILLIS_PER_BEAT;
    if !(seconds > 0.0 && seconds.ceil() <= most as f64) {
        return Err(invalid());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and a day at most")]
    Ok(Millis(seconds.ceil() as u64 * MILLIS_PER_BEAT))
}

fn bad(bad: BadField) -> Fault {
    Fault::payload(bad.to_string())
}
