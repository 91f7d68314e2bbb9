//! A goal as clients write it.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use timers::stopwatch::Goal;
use timers::{BadField, Fields, RawJson};

/// Reads a goal: known fields are checked, `null` becomes absent, and unknown fields are kept byte for byte.
pub(crate) fn read(json: &RawJson) -> Result<Goal, BadField> {
    let Ok(mut fields) = serde_json::from_str::<Fields>(json.as_str()) else {
        return Err(BadField { field: String::new(), reason: "must be an object".to_owned() });
    };
    let known = KnownFields {
        id: fields.require("id")?,
        title: fields.require("title")?,
        completed: fields.take("completed")?.unwrap_or(false),
        completed_at: fields.take("completedAt")?,
        group_id: fields.take("groupId")?,
        group_name: fields.take("groupName")?,
        estimated_goal_time: fields.take("estimatedGoalTime")?,
        unknown: fields.into_unknown(),
    };
    let bad = |reason: String| BadField { field: "id".to_owned(), reason };
    let json = serde_json::to_string(&known).map_err(|error| bad(error.to_string()))?;
    let json = RawJson::new(&json).map_err(|error| bad(error.to_string()))?;
    Goal::new(json).map_err(|error| bad(error.to_string()))
}

struct KnownFields {
    id: timers::GoalId,
    title: String,
    completed: bool,
    /// An ISO 8601 text from the original page and a number from others, so it is kept byte for byte.
    completed_at: Option<RawJson>,
    group_id: Option<String>,
    group_name: Option<String>,
    /// Its type differs between clients too.
    estimated_goal_time: Option<RawJson>,
    unknown: Vec<(String, RawJson)>,
}

impl Serialize for KnownFields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("title", &self.title)?;
        map.serialize_entry("completed", &self.completed)?;
        if let Some(at) = &self.completed_at {
            map.serialize_entry("completedAt", at)?;
        }
        for (name, text) in [("groupId", &self.group_id), ("groupName", &self.group_name)] {
            if let Some(text) = text {
                map.serialize_entry(name, text)?;
            }
        }
        if let Some(time) = &self.estimated_goal_time {
            map.serialize_entry("estimatedGoalTime", time)?;
        }
        for (name, value) in &self.unknown {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_that_was_completed_keeps_its_instant_in_any_form() {
        for at in [r#""2026-11-20T10:00:00.000Z""#, "1700000000000", "1.7e12", r#"{"seconds":1700000000}"#] {
            let json =
                format!(r#"{{"id":"g","title":"t","completed":true,"completedAt":{at},"estimatedGoalTime":{at}}}"#);
            assert_eq!(read(&RawJson::new(&json).unwrap()).unwrap().json().as_str(), json);
        }
    }

    #[test]
    fn unknown_fields_are_returned_byte_for_byte() {
        let json =
            r#"{"colour":{"b":1.0,"a":12345678901234567890123},"title":"t","id":"g","completedAt":null,"note":null}"#;
        let goal = read(&RawJson::new(json).unwrap()).unwrap();
        assert_eq!(
            goal.json().as_str(),
            r#"{"id":"g","title":"t","completed":false,"colour":{"b":1.0,"a":12345678901234567890123},"note":null}"#
        );
    }
}
