//! A committed change in transit between nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use timers::{Board, Change, Item, ItemKey, Position, RawJson, Revision, Scope, Tag, Timestamp};

use crate::trace::TraceParent;

/// The format that this version writes and reads. The items of a newer one are not read; the board is loaded instead.
const FORMAT: u32 = 1;

/// A committed change.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The scope of the board.
    pub scope: Scope,
    /// The tag of the board before the change.
    pub prev: Tag,
    /// The position of the board after the change.
    pub position: Position,
    /// The time of the change.
    pub at: Timestamp,
    /// The changed items, whole; `None` if the format is newer than this version's.
    pub items: Option<Items>,
    /// The time of the decision; `None` if the sender's version does not send it.
    pub decided_at: Option<Timestamp>,
    /// The trace context of the command, if it is recorded.
    pub trace: Option<TraceParent>,
}

/// The changed items of an update.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Items {
    /// Items written.
    pub put: BTreeMap<ItemKey, Arc<Item>>,
    /// Items deleted.
    pub removed: BTreeSet<ItemKey>,
}

/// Why bytes are not an update.
#[derive(Debug, thiserror::Error)]
pub enum BadUpdate {
    /// The bytes are not JSON of the right shape.
    #[error("an update cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// The scope is malformed.
    #[error("an update cannot be read: {0}")]
    Scope(#[from] timers::BadScope),
    /// An item is damaged.
    #[error("an update cannot be read: {0}")]
    Item(#[from] timers::BadItem),
}

#[derive(Serialize, Deserialize)]
struct EncodedUpdate {
    v: u32,
    scope: String,
    prev: Tag,
    rev: Revision,
    tag: Tag,
    at: Timestamp,
    #[serde(default)]
    put: BTreeMap<ItemKey, RawJson>,
    #[serde(default)]
    removed: BTreeSet<ItemKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decided: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
}

/// The fields that every format has.
#[derive(Deserialize)]
struct UpdateHead {
    v: u32,
    scope: String,
    prev: Tag,
    rev: Revision,
    tag: Tag,
    at: Timestamp,
}

impl Update {
    /// Makes the update of a change that was decided on `board`.
    pub fn of(board: &Board, change: &Change, tag: Tag, decided_at: Timestamp) -> Self {
        Self {
            scope: board.scope.clone(),
            prev: board.position.tag,
            position: Position { revision: board.position.revision.next(), tag },
            at: change.at,
            items: Some(Items { put: change.put.clone(), removed: change.removed.clone() }),
            decided_at: Some(decided_at),
            trace: None,
        }
    }

    /// Encodes the update. `put` has its items, encoded for the store.
    pub(crate) fn encode(&self, put: &[(ItemKey, Bytes)]) -> Bytes {
        let raw = |bytes: &Bytes| serde_json::from_slice(bytes).expect("items are stored as JSON");
        let encoded = EncodedUpdate {
            v: FORMAT,
            scope: self.scope.to_string(),
            prev: self.prev,
            rev: self.position.revision,
            tag: self.position.tag,
            at: self.at,
            put: put.iter().map(|(key, bytes)| (key.clone(), raw(bytes))).collect(),
            removed: self.items.as_ref().map(|items| items.removed.clone()).unwrap_or_default(),
            decided: self.decided_at,
            trace: self.trace.map(|trace| trace.to_string()),
        };
        serde_json::to_vec(&encoded).expect("an update has no key that JSON cannot write").into()
    }

    /// Reads an update.
    ///
    /// # Errors
    /// [`BadUpdate`]: another application publishes on the channels of this one, or a bug.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadUpdate> {
        let head: UpdateHead = serde_json::from_slice(bytes)?;
        let position = Position { revision: head.rev, tag: head.tag };
        if head.v > FORMAT {
            let (scope, prev, at) = (head.scope.parse()?, head.prev, head.at);
            return Ok(Self { scope, prev, position, at, items: None, decided_at: None, trace: None });
        }
        let encoded: EncodedUpdate = serde_json::from_slice(bytes)?;
        let mut put = BTreeMap::new();
        for (key, json) in encoded.put {
            put.insert(key, Arc::new(Item::decode(json.as_str().as_bytes())?));
        }
        Ok(Self {
            scope: encoded.scope.parse()?,
            prev: encoded.prev,
            position,
            at: encoded.at,
            items: Some(Items { put, removed: encoded.removed }),
            decided_at: encoded.decided,
            // A malformed trace context does not affect the change.
            trace: encoded.trace.and_then(|trace| trace.parse().ok()),
        })
    }

    /// Returns the board after this update; `None` if the update was not made on this board, or its items were not read.
    pub fn apply(&self, board: &Board) -> Option<Board> {
        let items = self.items.as_ref()?;
        if self.prev != board.position.tag {
            return None;
        }
        let mut after = board.clone();
        after.items.retain(|key, _| !items.removed.contains(key));
        after.items.extend(items.put.iter().map(|(key, item)| (key.clone(), Arc::clone(item))));
        after.position = self.position;
        after.at = self.at;
        Some(after)
    }
}
