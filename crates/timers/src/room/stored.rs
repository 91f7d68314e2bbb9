//! The stored forms of a room and a member: objects whose unknown fields are preserved.

use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fields::{BadField, Fields, write_some, write_unknown};
use crate::room::countdown::{CountdownPhase, Room};
use crate::room::member::Member;

impl Serialize for Room {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("created", &self.created)?;
        map.serialize_entry("last_activity", &self.last_activity)?;
        map.serialize_entry("duration_ms", &self.duration)?;
        match &self.phase {
            CountdownPhase::Idle => {}
            CountdownPhase::Running { since, ends_at } => {
                map.serialize_entry("running_since", since)?;
                map.serialize_entry("ends_at", ends_at)?;
            }
            CountdownPhase::Paused { at, remaining } => {
                map.serialize_entry("paused_at", at)?;
                map.serialize_entry("remaining_ms", remaining)?;
            }
        }
        write_some(&mut map, "started_at", self.started_at.as_ref())?;
        write_some(&mut map, "completed_at", self.completed_at.as_ref())?;
        write_some(&mut map, "empty_since", self.empty_since.as_ref())?;
        write_unknown(&mut map, &self.unknown_fields)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Room {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_room(Fields::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

fn read_room(mut fields: Fields) -> Result<Room, BadField> {
    let phase = match (fields.take("running_since")?, fields.take("paused_at")?) {
        (Some(since), _) => CountdownPhase::Running { since, ends_at: fields.require("ends_at")? },
        (None, Some(at)) => CountdownPhase::Paused { at, remaining: fields.require("remaining_ms")? },
        (None, None) => CountdownPhase::Idle,
    };
    Ok(Room {
        created: fields.require("created")?,
        last_activity: fields.require("last_activity")?,
        duration: fields.require("duration_ms")?,
        started_at: fields.take("started_at")?,
        phase,
        completed_at: fields.take("completed_at")?,
        empty_since: fields.take("empty_since")?,
        unknown_fields: fields.into_unknown(),
    })
}

impl Serialize for Member {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("connected_at", &self.connected_at)?;
        map.serialize_entry("secret", &self.secret)?;
        map.serialize_entry("link", &self.connection)?;
        map.serialize_entry("node", &self.node)?;
        write_some(&mut map, "lost_at", self.disconnected_at.as_ref())?;
        write_unknown(&mut map, &self.unknown_fields)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_member(Fields::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

fn read_member(mut fields: Fields) -> Result<Member, BadField> {
    Ok(Member {
        id: fields.require("id")?,
        name: fields.require("name")?,
        connected_at: fields.require("connected_at")?,
        secret: fields.require("secret")?,
        connection: fields.require("link")?,
        node: fields.require("node")?,
        disconnected_at: fields.take("lost_at")?,
        unknown_fields: fields.into_unknown(),
    })
}

#[cfg(test)]
mod tests {
    use crate::Item;

    #[test]
    fn rooms_and_members_are_read_back_as_written_with_unknown_fields() {
        for stored in [
            r#"{"v":1,"room":{"created":1,"last_activity":2,"duration_ms":3,"colour":[1e2]}}"#,
            r#"{"v":1,"room":{"created":1,"last_activity":2,"duration_ms":3,"running_since":4,"ends_at":5,"started_at":4,"completed_at":3,"empty_since":9}}"#,
            r#"{"v":1,"room":{"created":1,"last_activity":2,"duration_ms":3,"paused_at":4,"remaining_ms":5,"started_at":4}}"#,
            r#"{"v":1,"member":{"id":"m","name":"Ann","connected_at":1,"secret":"s","link":"l","node":"n","lost_at":7,"hat":true}}"#,
        ] {
            let item = Item::decode(stored.as_bytes()).unwrap();
            assert!(matches!(item, Item::Room(_) | Item::Member(_)), "{stored}");
            assert_eq!(String::from_utf8(item.encode()).unwrap(), stored);
        }
        for damaged in [
            r#"{"v":1,"room":{"created":1,"last_activity":2,"duration_ms":3,"running_since":4}}"#,
            r#"{"v":1,"member":{"id":"m"}}"#,
        ] {
            assert!(Item::decode(damaged.as_bytes()).is_err(), "{damaged}");
        }
    }
}
