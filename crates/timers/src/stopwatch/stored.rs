//! The stored form of a session: an object whose unknown fields are preserved.

use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fields::{BadField, Fields, write_some, write_unknown};
use crate::stopwatch::session::{Stopwatch, StopwatchPhase};

impl Serialize for Stopwatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("created", &self.created)?;
        map.serialize_entry("label", &self.label)?;
        write_some(&mut map, "group_id", self.group_id.as_ref())?;
        write_some(&mut map, "group_name", self.group_name.as_ref())?;
        write_some(&mut map, "comment", self.comment.as_ref())?;
        map.serialize_entry("goals", &self.goals)?;
        map.serialize_entry("first_started_at", &self.first_started_at)?;
        map.serialize_entry("started_at", &self.started_at)?;
        map.serialize_entry("accumulated_ms", &self.accumulated)?;
        match self.phase {
            StopwatchPhase::Running => {}
            StopwatchPhase::Paused(at) => map.serialize_entry("paused_at", &at)?,
            StopwatchPhase::Stopped(at) => map.serialize_entry("stopped_at", &at)?,
        }
        write_unknown(&mut map, &self.unknown_fields)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Stopwatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(Fields::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

fn read(mut fields: Fields) -> Result<Stopwatch, BadField> {
    let phase = match (fields.take("paused_at")?, fields.take("stopped_at")?) {
        (_, Some(at)) => StopwatchPhase::Stopped(at),
        (Some(at), None) => StopwatchPhase::Paused(at),
        (None, None) => StopwatchPhase::Running,
    };
    Ok(Stopwatch {
        id: fields.require("id")?,
        created: fields.require("created")?,
        label: fields.require("label")?,
        group_id: fields.take("group_id")?,
        group_name: fields.take("group_name")?,
        comment: fields.take("comment")?,
        goals: fields.require("goals")?,
        first_started_at: fields.require("first_started_at")?,
        started_at: fields.require("started_at")?,
        accumulated: fields.require("accumulated_ms")?,
        phase,
        unknown_fields: fields.into_unknown(),
    })
}

#[cfg(test)]
mod tests {
    use crate::Item;

    #[test]
    fn a_field_of_a_newer_version_survives_a_rewrite() {
        let stored = r#"{"v":1,"stopwatch":{"id":"s","created":3,"label":"x","goals":[{"id":"g","n":1.50}],"first_started_at":1,"started_at":2,"accumulated_ms":5,"paused_at":9,"colour":[1e2]}}"#;
        let item = Item::decode(stored.as_bytes()).unwrap();
        assert!(matches!(item, Item::Stopwatch(_)));
        assert_eq!(String::from_utf8(item.encode()).unwrap(), stored);
    }
}
