//! A committed change as it travels between nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use timers::{Board, Change, Event, Item, ItemKey, Position, RawJson, Revision, Scope, Tag, Timestamp, UserId};

use crate::trace::TraceParent;

/// The format that this version writes and reads. A newer one is not read: the board is loaded instead.
const FORMAT: u32 = 1;

/// A committed change.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// Whose board.
    pub scope: Scope,
    /// The tag that it was made on.
    pub prev: Tag,
    /// Where the board stands after it.
    pub position: Position,
    /// When it happened.
    pub at: Timestamp,
    /// Items written, whole; `None` if the format is newer than ours.
    pub items: Option<Items>,
    /// What it was about; `None` for an event of a newer version.
    pub event: Option<Event>,
    /// Who asked for it; `None` for what happens by itself.
    pub by: Option<UserId>,
    /// When it was decided; `None` of a version that does not say so.
    pub decided_at: Option<Timestamp>,
    /// The span that it is a consequence of, if that is recorded.
    pub trace: Option<TraceParent>,
}

/// What an update does to the items.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Items {
    /// Items written.
    pub put: BTreeMap<ItemKey, Arc<Item>>,
    /// Items deleted.
    pub removed: BTreeSet<ItemKey>,
}

/// Why bytes are no update.
#[derive(Debug, thiserror::Error)]
pub enum BadUpdate {
    /// They are no JSON of the right shape.
    #[error("an update can't be read: {0}")]
    Json(#[from] serde_json::Error),
    /// They name no scope.
    #[error("an update can't be read: {0}")]
    Scope(#[from] timers::BadScope),
    /// An item in them is damaged.
    #[error("an update can't be read: {0}")]
    Item(#[from] timers::BadItem),
}

#[derive(Serialize, Deserialize)]
struct Wire {
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
    event: Option<RawJson>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decided: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
}

/// What every format has.
#[derive(Deserialize)]
struct Head {
    v: u32,
    scope: String,
    prev: Tag,
    rev: Revision,
    tag: Tag,
    at: Timestamp,
}

impl Update {
    /// Makes the update of a change that was decided on `board` at an instant.
    pub fn of(board: &Board, change: &Change, tag: Tag, by: Option<UserId>, decided_at: Timestamp) -> Self {
        Self {
            scope: board.scope.clone(),
            prev: board.position.tag,
            position: Position { revision: board.position.revision.next(), tag },
            at: change.at,
            items: Some(Items { put: change.put.clone(), removed: change.removed.clone() }),
            event: Some(change.event.clone()),
            by,
            decided_at: Some(decided_at),
            trace: None,
        }
    }

    /// Writes the update; `put` are its items, encoded before for the store.
    pub(crate) fn encode(&self, put: &[(ItemKey, Bytes)]) -> Bytes {
        let raw = |bytes: &Bytes| serde_json::from_slice(bytes).expect("items are stored as JSON");
        let wire = Wire {
            v: FORMAT,
            scope: self.scope.to_string(),
            prev: self.prev,
            rev: self.position.revision,
            tag: self.position.tag,
            at: self.at,
            put: put.iter().map(|(key, bytes)| (key.clone(), raw(bytes))).collect(),
            removed: self.items.as_ref().map(|items| items.removed.clone()).unwrap_or_default(),
            event: self.event.as_ref().map(|event| {
                let json = serde_json::to_string(event).expect("an event has no key that JSON can't write");
                RawJson::new(&json).expect("just written as JSON")
            }),
            by: self.by.clone(),
            decided: self.decided_at,
            trace: self.trace.map(|trace| trace.to_string()),
        };
        serde_json::to_vec(&wire).expect("an update has no key that JSON can't write").into()
    }

    /// Reads an update.
    ///
    /// # Errors
    /// [`BadUpdate`]: somebody else publishes on our channels, or a bug.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadUpdate> {
        let head: Head = serde_json::from_slice(bytes)?;
        let position = Position { revision: head.rev, tag: head.tag };
        if head.v > FORMAT {
            let (scope, prev, at) = (head.scope.parse()?, head.prev, head.at);
            return Ok(Self {
                scope,
                prev,
                position,
                at,
                items: None,
                event: None,
                by: None,
                decided_at: None,
                trace: None,
            });
        }
        let wire: Wire = serde_json::from_slice(bytes)?;
        let mut put = BTreeMap::new();
        for (key, json) in wire.put {
            put.insert(key, Arc::new(Item::decode(json.as_str().as_bytes())?));
        }
        Ok(Self {
            scope: wire.scope.parse()?,
            prev: wire.prev,
            position,
            at: wire.at,
            items: Some(Items { put, removed: wire.removed }),
            event: wire.event.and_then(|event| serde_json::from_str(event.as_str()).ok()),
            by: wire.by,
            decided_at: wire.decided,
            // What is wrong with it spoils no change.
            trace: wire.trace.and_then(|trace| trace.parse().ok()),
        })
    }

    /// Returns the board as this update leaves it; `None` unless it was made on that very board.
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
