//! A committed change in transit between nodes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use timers::{Board, Change, Item, ItemKey, Position, Revision, Scope, Tag, Timestamp};

use crate::trace::TraceParent;

/// The format that this version writes and reads. The items of a newer one are not read; the board is loaded instead.
const FORMAT: u32 = 1;

const ENCODES: &str = "an update has no key that JSON cannot write";

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
    /// The changed items, whole.
    pub items: UpdateItems,
    /// The time of the decision; `None` if the sender's version does not send it.
    pub decided_at: Option<Timestamp>,
    /// The trace context of the command, if it is recorded.
    pub trace: Option<TraceParent>,
}

/// The items of an update. Those of a received one are read when they are needed: a node receives each commit of its own
/// again, and skips it by its tag.
#[derive(Clone, Debug, PartialEq)]
pub enum UpdateItems {
    /// As decided on this node.
    Decided(Items),
    /// The text of a received update.
    Received(Bytes),
    /// The format of the received update is newer than this version's.
    Unreadable,
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

/// The fields before the items. Every format has those that are not optional; the others are read in this format only.
#[derive(Serialize, Deserialize)]
struct UpdateHead<'u> {
    v: u32,
    #[serde(borrow)]
    scope: Cow<'u, str>,
    prev: Tag,
    rev: Revision,
    tag: Tag,
    at: Timestamp,
    #[serde(default, borrow, skip_serializing)]
    decided: Option<&'u RawValue>,
    #[serde(default, borrow, skip_serializing)]
    trace: Option<&'u RawValue>,
}

/// The fields of the items.
#[derive(Deserialize)]
struct EncodedItems<'u> {
    #[serde(default, borrow)]
    put: BTreeMap<ItemKey, &'u RawValue>,
    #[serde(default)]
    removed: BTreeSet<ItemKey>,
}

impl Update {
    /// Makes the update of a change that was decided on `board`.
    pub fn of(board: &Board, change: &Change, tag: Tag, decided_at: Timestamp) -> Self {
        Self {
            scope: board.scope.clone(),
            prev: board.position.tag,
            position: Position { revision: board.position.revision.next(), tag },
            at: change.at,
            items: UpdateItems::Decided(Items { put: change.put.clone(), removed: change.removed.clone() }),
            decided_at: Some(decided_at),
            trace: None,
        }
    }

    /// Encodes the update. `put` and `removed` are its items, and `put` is encoded for the store, which is JSON.
    pub(crate) fn encode(&self, put: &[(ItemKey, Bytes)], removed: &BTreeSet<ItemKey>) -> Bytes {
        let head = UpdateHead {
            v: FORMAT,
            scope: Cow::Owned(self.scope.to_string()),
            prev: self.prev,
            rev: self.position.revision,
            tag: self.position.tag,
            at: self.at,
            decided: None,
            trace: None,
        };
        let mut text = serde_json::to_vec(&head).expect(ENCODES);
        text.pop();
        text.extend_from_slice(br#","put":{"#);
        for (nth, (key, item)) in put.iter().enumerate() {
            if nth > 0 {
                text.push(b',');
            }
            serde_json::to_writer(&mut text, key).expect(ENCODES);
            text.push(b':');
            text.extend_from_slice(item);
        }
        text.extend_from_slice(br#"},"removed":"#);
        serde_json::to_writer(&mut text, removed).expect(ENCODES);
        if let Some(Timestamp(decided)) = self.decided_at {
            write!(text, r#","decided":{decided}"#).expect(ENCODES);
        }
        if let Some(trace) = self.trace {
            write!(text, r#","trace":"{trace}""#).expect(ENCODES);
        }
        text.push(b'}');
        text.into()
    }

    /// Reads an update, but not yet its items.
    ///
    /// # Errors
    /// [`BadUpdate`]: another application publishes on the channels of this one, or a bug.
    pub fn decode(text: Bytes) -> Result<Self, BadUpdate> {
        let head: UpdateHead<'_> = serde_json::from_slice(&text)?;
        let (scope, prev, at) = (head.scope.parse()?, head.prev, head.at);
        let position = Position { revision: head.rev, tag: head.tag };
        let is_readable = head.v <= FORMAT;
        let decided = head.decided.filter(|_| is_readable);
        let decided_at = decided.map(|raw| serde_json::from_str(raw.get())).transpose()?;
        // A malformed trace context does not affect the change.
        let trace = head.trace.filter(|_| is_readable);
        let trace = trace.and_then(|raw| serde_json::from_str::<Cow<'_, str>>(raw.get()).ok()?.parse().ok());
        let items = if is_readable { UpdateItems::Received(text) } else { UpdateItems::Unreadable };
        Ok(Self { scope, prev, position, at, items, decided_at, trace })
    }

    /// Returns the board after this update; `None` if the update was not made on this board, or its items cannot be read.
    pub fn apply(&self, board: &Board) -> Option<Board> {
        if self.prev != board.position.tag {
            return None;
        }
        let items = match self.items.read() {
            Ok(items) => items?,
            Err(error) => {
                tracing::warn!("an update has malformed items; the board is loaded");
                tracing::debug!(scope = %self.scope, %error, "the malformed update");
                return None;
            }
        };
        let mut after = board.clone();
        items.removed.iter().for_each(|key| drop(after.items.remove(key)));
        after.items.extend(items.put.iter().map(|(key, item)| (key.clone(), Arc::clone(item))));
        after.position = self.position;
        after.at = self.at;
        Some(after)
    }
}

impl UpdateItems {
    /// Returns the items; `None` if their format is newer than this version's.
    ///
    /// # Errors
    /// [`BadUpdate`]: an item is malformed.
    pub fn read(&self) -> Result<Option<Cow<'_, Items>>, BadUpdate> {
        let text = match self {
            Self::Decided(items) => return Ok(Some(Cow::Borrowed(items))),
            Self::Unreadable => return Ok(None),
            Self::Received(text) => text,
        };
        let EncodedItems { put, removed } = serde_json::from_slice(text)?;
        let mut items = Items { put: BTreeMap::new(), removed };
        for (key, json) in put {
            items.put.insert(key, Arc::new(Item::decode(json.get().as_bytes())?));
        }
        Ok(Some(Cow::Owned(items)))
    }
}

#[cfg(test)]
mod tests {
    use timers::UserId;

    use super::*;

    fn received(rest: &str) -> Update {
        let head = r#""scope":"user:ann","prev":"00","rev":2,"tag":"02","at":5"#;
        Update::decode(format!("{{{head},{rest}}}").into()).unwrap()
    }

    #[test]
    fn an_update_is_read_as_it_was_encoded() {
        let board = Board::empty(Scope::user(&UserId::new("ann").unwrap()));
        let removed = BTreeSet::from([ItemKey::from_stored("stopwatch:\"gone\"")]);
        let items = UpdateItems::Decided(Items { put: BTreeMap::new(), removed: removed.clone() });
        let position = Position { revision: Revision(1), tag: Tag(u64::MAX) };
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().ok();
        assert!(trace.is_some());
        let (decided_at, at) = (Some(Timestamp(4)), Timestamp(5));
        let update = Update { scope: board.scope.clone(), prev: Tag(0), position, at, items, decided_at, trace };
        let unknown = Bytes::from_static(br#"{"v":1,"sundial":{"b":1.0}}"#);
        let put = ["sundial:1", "sundial:2"].map(|key| (ItemKey::from_stored(key), unknown.clone()));
        let read = Update::decode(update.encode(&put, &removed)).unwrap();
        let head = |update: &Update| Update { items: UpdateItems::Unreadable, ..update.clone() };
        assert_eq!(head(&read), head(&update));
        let items = read.items.read().unwrap().unwrap();
        assert_eq!((&items.removed, items.put.len()), (&removed, 2));
        assert!(items.put.values().all(|item| item.encode() == unknown));
        assert_eq!(read.apply(&board).unwrap().position, position);
    }

    #[test]
    fn damaged_items_leave_the_head_readable_and_are_not_applied() {
        let board = Board::empty(Scope::user(&UserId::new("ann").unwrap()));
        let damaged = received(r#""v":1,"put":{"stopwatch:a":{"v":1,"stopwatch":{}}}"#);
        assert!(damaged.items.read().is_err());
        assert_eq!(damaged.apply(&board), None);
        assert!(received(r#""v":1,"put":{}"#).apply(&board).is_some());
    }

    #[test]
    fn items_of_a_newer_format_are_not_read() {
        let newer = received(r#""v":2,"put":[["stopwatch:a",1]],"decided":"noon","trace":[]"#);
        assert_eq!((newer.items.read().unwrap(), newer.prev, newer.position.tag), (None, Tag(0), Tag(2)));
    }
}
