//! A kind of work, with its price.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::fields::stored_object;
use crate::item::ItemId;
use crate::position::Revision;
use crate::raw_json::RawJson;
use crate::studio::money::Rate;
use crate::system::ItemType;
use crate::time::{Millis, Timestamp};

/// About how many bytes a stored type takes besides its texts.
const FIXED_BYTES: usize = 256;

/// Names a task type within its organisation: a number that is counted from 1 and never used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskTypeId(pub u64);

/// Whether work of a type is billed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Category {
    /// Work of the type is billed.
    #[default]
    Billable,
    /// Work of the type is not billed.
    NonBillable,
}

/// A kind of work. Its instants are dates: nothing is measured by them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskType {
    /// The type's id.
    pub id: TaskTypeId,
    /// The commit that created the type.
    pub created: Revision,
    /// The name.
    pub name: String,
    /// The description, if there is one.
    pub description: Option<String>,
    /// The price of an hour.
    pub rate: Rate,
    /// Whether the work is billed.
    pub category: Category,
    /// The colour `#RRGGBB` as it was given, if there is one.
    pub color: Option<String>,
    /// The place in lists; types of the same place are in the order of their names.
    pub sort_order: i64,
    /// Whether timers of this type can be started.
    pub is_active: bool,
    /// The date of the creation.
    pub created_at: Timestamp,
    /// The date of the last change.
    pub updated_at: Timestamp,
    /// Fields of a newer version, kept byte for byte.
    pub unknown_fields: Vec<(String, RawJson)>,
}

stored_object!(TaskType {
    id: required,
    created: required,
    name: required,
    description: optional,
    rate: required,
    category: required,
    color: optional,
    sort_order: required,
    is_active: required,
    created_at: required,
    updated_at: required,
});

impl ItemId for TaskTypeId {
    fn as_text(&self) -> Cow<'_, str> {
        self.0.to_string().into()
    }
}

impl ItemType for TaskType {
    const KIND: &'static str = "task-type";
    type Id = TaskTypeId;

    fn id(&self) -> &TaskTypeId {
        &self.id
    }

    fn move_back(&mut self, _: Millis) {}

    fn weight(&self) -> usize {
        FIXED_BYTES + self.name.len() + self.description.as_ref().map_or(0, String::len)
    }
}
