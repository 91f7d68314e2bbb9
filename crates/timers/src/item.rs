//! The timed things on a board, and the form they are stored in.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::disconnect::Disconnect;
use crate::ids::{DisconnectId, MemberId, RoomId, SessionId};
use crate::node::{Lease, Presence};
use crate::raw_json::RawJson;
use crate::room::{Member, Room};
use crate::stopwatch::Stopwatch;
use crate::time::Timestamp;

/// The format that this version writes. A reader takes every format up to its own and keeps what is
/// newer unread.
const FORMAT: u32 = 1;

/// Names an item on its board: the kind, a colon, the item's own id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemKey(Arc<str>);

impl ItemKey {
    /// Returns the key of a stopwatch session.
    pub fn stopwatch(id: &SessionId) -> Self {
        Self(format!("stopwatch:{id}").into())
    }

    /// Returns the key of a room, which has a board to itself.
    pub fn room() -> Self {
        Self("room:".into())
    }

    /// Returns the key of a member of a room.
    pub fn member(id: &MemberId) -> Self {
        Self(format!("member:{id}").into())
    }

    /// Returns the key of a node's lease.
    pub fn lease() -> Self {
        Self("lease:".into())
    }

    /// Returns the key of a room in which a node has members.
    pub fn presence(room: &RoomId) -> Self {
        Self(format!("presence:{room}").into())
    }

    /// Returns the key of clients that were sent away.
    pub fn disconnect(id: &DisconnectId) -> Self {
        Self(format!("disconnect:{id}").into())
    }

    /// Takes a key as it is stored.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ItemKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One timed thing on a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A stopwatch session of Clockit.
    Stopwatch(Stopwatch),
    /// A room with its countdown.
    Room(Room),
    /// A member of a room.
    Member(Member),
    /// A node's proof of life.
    Lease(Lease),
    /// A room in which a node has members.
    Presence(Presence),
    /// Clients that were sent away.
    Disconnect(Disconnect),
    /// Something a newer version wrote. It is kept, and never changed.
    Unknown(RawJson),
}

/// Why stored bytes are no item.
#[derive(Debug, thiserror::Error)]
#[error("a stored item can't be read: {0}")]
pub struct BadItem(#[from] serde_json::Error);

/// The stored form: the format's number, then one key for the kind.
#[derive(Deserialize)]
struct Stored {
    v: u32,
    stopwatch: Option<RawJson>,
    room: Option<RawJson>,
    member: Option<RawJson>,
    lease: Option<RawJson>,
    presence: Option<RawJson>,
    disconnect: Option<RawJson>,
}

impl Item {
    /// Returns the stopwatch session that this is.
    pub fn as_stopwatch(&self) -> Option<&Stopwatch> {
        if let Self::Stopwatch(stopwatch) = self { Some(stopwatch) } else { None }
    }

    /// Returns the room that this is.
    pub fn as_room(&self) -> Option<&Room> {
        if let Self::Room(room) = self { Some(room) } else { None }
    }

    /// Returns the member that this is.
    pub fn as_member(&self) -> Option<&Member> {
        if let Self::Member(member) = self { Some(member) } else { None }
    }

    /// Returns the lease that this is.
    pub fn as_lease(&self) -> Option<&Lease> {
        if let Self::Lease(lease) = self { Some(lease) } else { None }
    }

    /// Returns the presence that this is.
    pub fn as_presence(&self) -> Option<&Presence> {
        if let Self::Presence(presence) = self { Some(presence) } else { None }
    }

    /// Returns the clients sent away that this is about.
    pub fn as_disconnect(&self) -> Option<&Disconnect> {
        if let Self::Disconnect(disconnect) = self { Some(disconnect) } else { None }
    }

    /// Returns the bytes to store, JSON.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Stopwatch(stopwatch) => encode("stopwatch", stopwatch),
            Self::Room(room) => encode("room", room),
            Self::Member(member) => encode("member", member),
            Self::Lease(lease) => encode("lease", lease),
            Self::Presence(presence) => encode("presence", presence),
            Self::Disconnect(disconnect) => encode("disconnect", disconnect),
            Self::Unknown(raw) => raw.as_str().as_bytes().to_vec(),
        }
    }

    /// Reads stored bytes. What is JSON but of a newer format or another kind becomes
    /// [`Item::Unknown`].
    ///
    /// # Errors
    /// [`BadItem`] if the bytes are no JSON, or claim a known format and break it: the store is
    /// damaged, and a retry does not help.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadItem> {
        let stored: Stored = serde_json::from_slice(bytes)?;
        match stored {
            Stored { v: ..=FORMAT, stopwatch: Some(raw), .. } => {
                Ok(Self::Stopwatch(serde_json::from_str(raw.as_str())?))
            }
            Stored { v: ..=FORMAT, room: Some(raw), .. } => Ok(Self::Room(serde_json::from_str(raw.as_str())?)),
            Stored { v: ..=FORMAT, member: Some(raw), .. } => Ok(Self::Member(serde_json::from_str(raw.as_str())?)),
            Stored { v: ..=FORMAT, lease: Some(raw), .. } => Ok(Self::Lease(serde_json::from_str(raw.as_str())?)),
            Stored { v: ..=FORMAT, presence: Some(raw), .. } => Ok(Self::Presence(serde_json::from_str(raw.as_str())?)),
            Stored { v: ..=FORMAT, disconnect: Some(raw), .. } => {
                Ok(Self::Disconnect(serde_json::from_str(raw.as_str())?))
            }
            Stored { .. } => Ok(Self::Unknown(serde_json::from_slice(bytes)?)),
        }
    }

    /// Returns when something happens to this item by itself.
    pub fn deadline(&self, limits: &crate::Limits) -> Option<Timestamp> {
        match self {
            Self::Stopwatch(stopwatch) => stopwatch.deadline(limits),
            Self::Room(room) => room.deadline(limits),
            Self::Member(member) => member.deadline(limits),
            Self::Lease(lease) => Some(lease.until),
            Self::Disconnect(disconnect) => Some(disconnect.deadline()),
            Self::Presence(_) | Self::Unknown(_) => None,
        }
    }

    /// Tells whether the item shows another value every second.
    pub fn ticks(&self) -> bool {
        match self {
            Self::Stopwatch(stopwatch) => stopwatch.is_running(),
            Self::Room(room) => room.is_running(),
            Self::Member(_) | Self::Lease(_) | Self::Presence(_) | Self::Disconnect(_) | Self::Unknown(_) => false,
        }
    }

    /// Returns about how many bytes the item takes when stored; rooms are bounded by their members instead.
    pub fn weight(&self) -> usize {
        match self {
            Self::Stopwatch(stopwatch) => stopwatch.weight(),
            Self::Room(_) | Self::Member(_) | Self::Lease(_) | Self::Presence(_) | Self::Disconnect(_) => 0,
            Self::Unknown(raw) => raw.as_str().len(),
        }
    }
}

fn encode(kind: &str, item: &impl Serialize) -> Vec<u8> {
    let mut bytes = format!(r#"{{"v":{FORMAT},"{kind}":"#).into_bytes();
    serde_json::to_writer(&mut bytes, item).expect("an item has no key that JSON can't write");
    bytes.push(b'}');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_version_wrote_is_kept_letter_by_letter() {
        for stored in [r#"{"v":1,"sundial":{"b":1.0,"a":[2e3]}}"#, r#"{"v":2,"stopwatch":{"shape":"new"}}"#] {
            let item = Item::decode(stored.as_bytes()).unwrap();
            assert!(matches!(item, Item::Unknown(_)), "{stored}");
            assert_eq!(String::from_utf8(item.encode()).unwrap(), stored);
        }
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        for stored in ["", "{", r#"{"stopwatch":{}}"#, r#"{"v":1,"stopwatch":{}}"#] {
            assert!(Item::decode(stored.as_bytes()).is_err(), "{stored}");
        }
    }
}
