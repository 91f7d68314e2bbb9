//! A goal attached to a session.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::{BadId, GoalId};
use crate::raw_json::RawJson;

/// A goal of a session. The rules read only its id; the rest belongs to the client and is returned byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Goal {
    id: GoalId,
    json: RawJson,
}

/// Why a JSON value is not a goal.
#[derive(Debug, thiserror::Error)]
pub enum BadGoal {
    /// The value is not an object with a string `id`.
    #[error("{0}")]
    Shape(#[from] serde_json::Error),
    /// The `id` is not valid.
    #[error("id {0}")]
    Id(#[from] BadId),
}

impl Goal {
    /// Wraps a JSON object with an `id`.
    ///
    /// # Errors
    /// [`BadGoal`] if the value is not an object, or its id is missing or not valid.
    pub fn new(json: RawJson) -> Result<Self, BadGoal> {
        #[derive(Deserialize)]
        struct Head {
            id: String,
        }
        let head: Head = serde_json::from_str(json.as_str())?;
        Ok(Self { id: GoalId::new(&head.id)?, json })
    }

    /// Returns the goal's id.
    pub fn id(&self) -> &GoalId {
        &self.id
    }

    /// Returns the whole goal as JSON.
    pub fn json(&self) -> &RawJson {
        &self.json
    }
}

impl Serialize for Goal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Goal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(RawJson::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
