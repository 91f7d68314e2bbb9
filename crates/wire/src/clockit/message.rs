//! What a client sends.

use std::fmt;

use serde::Serialize;
use timers::stopwatch::{Command, Goal, Start};
use timers::{BadField, Fields, GoalId, ID_BYTES_MAX, RawJson, SessionId};

use crate::clockit::goal;
use crate::fault::{Code, Fault};
use crate::time_sync::{PING, TimePing};
use crate::trace;

/// The type of a message that brings a token, and of its answer.
pub(crate) const AUTH: &str = "auth";

/// The id that a client gives a message, to recognise the answer and to repeat it safely: a string or a
/// number, sent back as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct MessageId(RawJson);

impl MessageId {
    /// Returns the id as JSON.
    pub fn as_json(&self) -> &str {
        self.0.as_str()
    }

    fn new(json: RawJson) -> Result<Self, BadField> {
        let text = json.as_str();
        let is_scalar = text.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit());
        if is_scalar && text.len() <= ID_BYTES_MAX + 2 {
            return Ok(Self(json));
        }
        let reason = format!("must be a string or a number of at most {ID_BYTES_MAX} bytes");
        Err(BadField { field: "id".to_owned(), reason })
    }
}

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A command.
    Message(Message),
    /// It wants to know the time.
    TimePing(TimePing),
    /// It says who it is, or that it still is.
    Auth(Auth),
}

/// A token that a client sends.
#[derive(Clone, PartialEq, Eq)]
pub struct Auth {
    /// The client's id, for the answer.
    pub id: Option<MessageId>,
    /// The token.
    pub token: String,
}

impl fmt::Debug for Auth {
    /// Leaves out the token: it must not get into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("id", &self.id).finish_non_exhaustive()
    }
}

/// One message of a client that is to have an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The client's id; only messages with an id are acknowledged.
    pub id: Option<MessageId>,
    /// What it asks for.
    pub command: Command,
    /// The span that it belongs to, as the client says (W3C Trace Context).
    pub traceparent: Option<String>,
}

/// Reads a client's message.
///
/// # Errors
/// The fault to answer with, and the message's id if it could be read.
pub fn parse(text: &str) -> Result<Said, (Option<MessageId>, Fault)> {
    let mut fields: Fields = serde_json::from_str(text).map_err(|error| (None, not_an_object(&error)))?;
    let id = match fields.take("id").and_then(|id| id.map(MessageId::new).transpose()) {
        Ok(id) => id,
        Err(bad) => return Err((None, Fault::in_field("", &bad))),
    };
    let said = match fields.require::<String>("type") {
        Ok(kind) if kind == PING => TimePing::read(&mut fields).map(Said::TimePing),
        Ok(kind) if kind == AUTH => token(&mut fields).map(|token| Said::Auth(Auth { id: id.clone(), token })),
        Ok(kind) => {
            let traceparent = trace::parent(&mut fields);
            let command = command(&kind, &mut fields);
            command.map(|command| Said::Message(Message { id: id.clone(), command, traceparent }))
        }
        Err(bad) => Err(Fault::in_field("", &bad)),
    };
    said.map_err(|fault| (id, fault))
}

fn token(fields: &mut Fields) -> Result<String, Fault> {
    let not_fields = |_| Fault::of_client(Code::InvalidMessage, "payload must be an object");
    let mut payload: Fields = fields.require("payload").map_err(not_fields)?;
    let wrong = |reason: &str| BadField { field: "token".to_owned(), reason: reason.to_owned() };
    // What is wrong with it is not told: the reader of a fault may quote what it has read.
    let token = payload
        .take::<String>("token")
        .map_err(|_| wrong("must be a string"))
        .and_then(|token| token.filter(|token| !token.is_empty()).ok_or_else(|| wrong("is missing")));
    token.map_err(|bad| Fault::in_field("payload", &bad))
}

fn not_an_object(error: &serde_json::Error) -> Fault {
    if error.is_data() {
        return Fault::of_client(Code::InvalidMessage, "a message must be a JSON object with a type");
    }
    Fault::of_client(Code::InvalidJson, format!("not JSON: {error}"))
}

fn command(kind: &str, fields: &mut Fields) -> Result<Command, Fault> {
    let mut payload: Fields =
        fields.take("payload").map_err(|bad: BadField| Fault::in_field("", &bad))?.unwrap_or_default();
    let session = |payload: &mut Fields| {
        payload.require::<SessionId>("sessionId").map_err(|bad| Fault::in_field("payload", &bad))
    };
    match kind {
        "session-start" => start(&mut payload).map(Command::Start),
        "session-stop" => session(&mut payload).map(Command::Stop),
        "session-pause" => session(&mut payload).map(Command::Pause),
        "session-resume" => session(&mut payload).map(Command::Resume),
        "session-remove" => session(&mut payload).map(Command::Remove),
        "session-attach" => Ok(Command::Attach(session(&mut payload)?, attached(&mut payload)?)),
        "session-detach" => Ok(Command::Detach(session(&mut payload)?, detached(&mut payload)?)),
        other => {
            let shown: String = other.chars().take(40).collect();
            Err(Fault::of_client(Code::UnknownType, format!("there is no message of type {shown:?}")))
        }
    }
}

fn start(payload: &mut Fields) -> Result<Start, Fault> {
    let in_payload = |bad: BadField| Fault::in_field("payload", &bad);
    let goals = payload.take::<Vec<RawJson>>("goals").map_err(in_payload)?;
    Ok(Start {
        session: payload.take("sessionId").map_err(in_payload)?,
        label: payload.require("label").map_err(in_payload)?,
        goals: goals.map(|goals| read_goals(&goals)).transpose()?,
        group_id: payload.take("groupId").map_err(in_payload)?.map(check_group_id).transpose()?,
        group_name: payload.take("groupName").map_err(in_payload)?,
        comment: payload.take("comment").map_err(in_payload)?,
    })
}

fn check_group_id(id: String) -> Result<String, Fault> {
    if id.len() > ID_BYTES_MAX {
        let reason = format!("must be at most {ID_BYTES_MAX} bytes long");
        return Err(Fault::in_field("payload", &BadField { field: "groupId".to_owned(), reason }));
    }
    Ok(id)
}

fn read_goals(goals: &[RawJson]) -> Result<Vec<Goal>, Fault> {
    let read = |(nth, json)| goal::read(json).map_err(|bad| Fault::in_field(&format!("payload.goals[{nth}]"), &bad));
    goals.iter().enumerate().map(read).collect()
}

fn attached(payload: &mut Fields) -> Result<Goal, Fault> {
    let json: RawJson = payload.require("goal").map_err(|bad| Fault::in_field("payload", &bad))?;
    goal::read(&json).map_err(|bad| Fault::in_field("payload.goal", &bad))
}

fn detached(payload: &mut Fields) -> Result<GoalId, Fault> {
    payload.require("goalId").map_err(|bad| Fault::in_field("payload", &bad))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, code: &str, message: &str) {
        let (_, fault) = parse(text).unwrap_err();
        assert_eq!((fault.code.as_str(), fault.message.as_str(), fault.retry), (code, message, false), "{text}");
    }

    #[test]
    fn a_bad_message_is_answered_with_the_field_and_the_reason() {
        check("", "invalid_json", "not JSON: EOF while parsing a value at line 1 column 0");
        check("{", "invalid_json", "not JSON: EOF while parsing an object at line 1 column 1");
        check("[]", "invalid_message", "a message must be a JSON object with a type");
        check("{}", "invalid_message", "type is missing");
        check(r#"{"type":7}"#, "invalid_message", "type is wrong: invalid type: integer `7`, expected a string");
        check(r#"{"type":"session-fly"}"#, "unknown_type", r#"there is no message of type "session-fly""#);
        check(r#"{"type":"session-stop"}"#, "invalid_message", "payload.sessionId is missing");
        check(
            r#"{"type":"session-stop","payload":{"sessionId":""}}"#,
            "invalid_message",
            "payload.sessionId is wrong: must not be empty",
        );
        check(
            r#"{"type":"session-stop","payload":"a"}"#,
            "invalid_message",
            r#"payload is wrong: invalid type: string "a", expected an object"#,
        );
        check(r#"{"type":"session-start","payload":{}}"#, "invalid_message", "payload.label is missing");
        check(
            r#"{"type":"session-start","payload":{"label":"x","goals":{}}}"#,
            "invalid_message",
            "payload.goals is wrong: invalid type: map, expected a sequence",
        );
        check(
            r#"{"type":"session-start","payload":{"label":"x","goals":[{"id":"a","title":"t"},{"title":"t"}]}}"#,
            "invalid_message",
            "payload.goals[1].id is missing",
        );
        check(
            r#"{"type":"session-attach","payload":{"sessionId":"s","goal":{"id":"a"}}}"#,
            "invalid_message",
            "payload.goal.title is missing",
        );
        check(
            r#"{"type":"session-attach","payload":{"sessionId":"s","goal":7}}"#,
            "invalid_message",
            "payload.goal must be an object",
        );
        check(
            r#"{"type":"session-stop","id":{},"payload":{"sessionId":"s"}}"#,
            "invalid_message",
            "id must be a string or a number of at most 200 bytes",
        );
    }

    #[test]
    fn an_id_comes_back_as_it_came_with_faults_too() {
        for id in [r#""a\u0062""#, "7", "-1.50"] {
            let (read, _) = parse(&format!(r#"{{"id":{id},"type":"nonsense"}}"#)).unwrap_err();
            assert_eq!(read.unwrap().as_json(), id);
            let text = format!(r#"{{"id":{id},"type":"session-stop","payload":{{"sessionId":"s"}}}}"#);
            let Ok(Said::Message(message)) = parse(&text) else { panic!("a command") };
            assert_eq!(message.id.unwrap().as_json(), id);
        }
    }

    #[test]
    fn null_is_as_good_as_absent_and_unknown_fields_do_no_harm() {
        let text =
            r#"{"id":null,"type":"session-start","x":1,"payload":{"label":"x","sessionId":null,"goals":null,"y":2}}"#;
        let Ok(Said::Message(message)) = parse(text) else { panic!("a command") };
        assert_eq!(message.id, None);
        let Command::Start(start) = message.command else { panic!("a start") };
        assert_eq!((start.session, start.goals), (None, None));
    }
}
