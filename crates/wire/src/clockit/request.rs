//! What a client sends.

use timers::stopwatch::{Goal, Start, StopwatchCommand};
use timers::{BadField, Fields, GoalId, ID_BYTES_MAX, RawJson, SessionId};

use crate::clockit::goal;
use crate::fault::Fault;
use crate::json_text;
use crate::message::{ClientMessage, Rejected};

/// Reads a client's message.
pub(crate) fn parse(text: &str) -> Result<ClientMessage<StopwatchCommand>, Rejected> {
    json_text::parse(text, command)
}

fn command(kind: &str, fields: &mut Fields) -> Result<StopwatchCommand, Fault> {
    let mut payload: Fields =
        fields.take("payload").map_err(|bad: BadField| Fault::in_field("", &bad))?.unwrap_or_default();
    let session = |payload: &mut Fields| {
        payload.require::<SessionId>("sessionId").map_err(|bad| Fault::in_field("payload", &bad))
    };
    match kind {
        "session-start" => start(&mut payload).map(StopwatchCommand::Start),
        "session-stop" => session(&mut payload).map(StopwatchCommand::Stop),
        "session-pause" => session(&mut payload).map(StopwatchCommand::Pause),
        "session-resume" => session(&mut payload).map(StopwatchCommand::Resume),
        "session-remove" => session(&mut payload).map(StopwatchCommand::Remove),
        "session-attach" => Ok(StopwatchCommand::Attach(session(&mut payload)?, attached(&mut payload)?)),
        "session-detach" => Ok(StopwatchCommand::Detach(session(&mut payload)?, detached(&mut payload)?)),
        other => Err(json_text::unknown_type(other)),
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
    use crate::clockit::code_name;
    use crate::message::Request;

    fn check(text: &str, code: &str, message: &str) {
        let Rejected { fault, .. } = parse(text).unwrap_err();
        assert_eq!((code_name(fault.code), fault.message.as_str(), fault.retry), (code, message, false), "{text}");
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
    fn an_id_is_returned_byte_for_byte_with_faults_too() {
        for id in [r#""a\u0062""#, "7", "-1.50"] {
            let Rejected { id: read, .. } = parse(&format!(r#"{{"id":{id},"type":"nonsense"}}"#)).unwrap_err();
            assert_eq!(read.unwrap().as_json(), id);
            let text = format!(r#"{{"id":{id},"type":"session-stop","payload":{{"sessionId":"s"}}}}"#);
            let message = parse(&text).unwrap();
            assert_eq!(message.id.unwrap().as_json(), id);
        }
    }

    #[test]
    fn null_counts_as_absent_and_unknown_fields_are_ignored() {
        let text =
            r#"{"id":null,"type":"session-start","x":1,"payload":{"label":"x","sessionId":null,"goals":null,"y":2}}"#;
        let message = parse(text).unwrap();
        assert_eq!(message.id, None);
        let Request::System(StopwatchCommand::Start(start)) = message.request else { panic!("a start") };
        assert_eq!((start.session, start.goals), (None, None));
    }
}
