//! The owner and audience of timers.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::{BadId, ID_BYTES_MAX, NodeId, OrganizationId, RoomId, UserId, check_id, is_guest_id};
use crate::item::ItemId;
use crate::systems::ScopeKind;

/// Longest kind in bytes, so that a kind of a newer version cannot make keys arbitrarily long.
const KIND_BYTES_MAX: usize = 32;

/// The id of the only scope of the kind [`ScopeKind::Cluster`].
const CLUSTER_ID: &str = "all";

/// The unit of storage, ordering and fan-out: a kind and an id. Written as `user:42`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    kind: ScopeKind,
    id: Arc<str>,
}

/// Why a text is not a scope.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadScope {
    /// The part before the colon is not a kind: one to 32 lower-case letters, digits, `-` or `_`.
    #[error("bad kind of scope in {0:?}")]
    Kind(String),
    /// The part after the colon is not an id.
    #[error("bad id in a scope: {0}")]
    Id(#[from] BadId),
}

impl Scope {
    /// Returns the scope of a person.
    pub fn user(id: &UserId) -> Self {
        Self { kind: ScopeKind::User, id: id.into() }
    }

    /// Returns the scope of an organisation.
    pub fn organization(id: &OrganizationId) -> Self {
        Self { kind: ScopeKind::Organization, id: id.into() }
    }

    /// Returns the scope of a person's working days.
    pub fn work_day(id: &UserId) -> Self {
        Self { kind: ScopeKind::WorkDay, id: id.into() }
    }

    /// Returns the scope of a person's focus sessions.
    pub fn focus(id: &UserId) -> Self {
        Self { kind: ScopeKind::Focus, id: id.into() }
    }

    /// Returns the scope of a room.
    pub fn room(id: &RoomId) -> Self {
        Self { kind: ScopeKind::Room, id: id.into() }
    }

    /// Returns the scope of one run of a node.
    pub fn node(id: &NodeId) -> Self {
        Self { kind: ScopeKind::Node, id: id.into() }
    }

    /// Returns the scope of all nodes.
    pub fn cluster() -> Self {
        Self { kind: ScopeKind::Cluster, id: CLUSTER_ID.into() }
    }

    /// Returns the kind: the part before the colon.
    pub fn kind(&self) -> &ScopeKind {
        &self.kind
    }

    /// Returns the id: the part after the colon.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Tells whether this version knows the kind. The rules do nothing to the boards of other scopes.
    pub fn is_known(&self) -> bool {
        !matches!(self.kind, ScopeKind::Unknown(_))
    }

    /// Returns the person that the scope belongs to, if it belongs to one.
    pub fn as_user(&self) -> Option<UserId> {
        if self.kind == ScopeKind::User { UserId::new(&self.id).ok() } else { None }
    }

    /// Tells whether the scope belongs to an anonymous person, whose timers are kept for a limited time only.
    pub fn is_guest(&self) -> bool {
        self.kind == ScopeKind::User && is_guest_id(&self.id)
    }

    /// Returns the organisation that the scope belongs to, if it belongs to one.
    pub fn as_organization(&self) -> Option<OrganizationId> {
        if self.kind == ScopeKind::Organization { OrganizationId::new(&self.id).ok() } else { None }
    }

    /// Returns the room that the scope belongs to, if it belongs to one.
    pub fn as_room(&self) -> Option<RoomId> {
        if self.kind == ScopeKind::Room { RoomId::new(&self.id).ok() } else { None }
    }

    /// Returns the node that the scope belongs to, if it belongs to one.
    pub fn as_node(&self) -> Option<NodeId> {
        if self.kind == ScopeKind::Node { NodeId::new(&self.id).ok() } else { None }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.id)
    }
}

impl ItemId for Scope {
    fn as_text(&self) -> Cow<'_, str> {
        self.to_string().into()
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl FromStr for Scope {
    type Err = BadScope;

    fn from_str(text: &str) -> Result<Self, BadScope> {
        let bad_kind = || BadScope::Kind(text.to_owned());
        let (kind, id) = text.split_once(':').ok_or_else(bad_kind)?;
        let is_kind = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        if kind.is_empty() || kind.len() > KIND_BYTES_MAX || !kind.bytes().all(is_kind) {
            return Err(bad_kind());
        }
        check_id(id, ID_BYTES_MAX)?;
        Ok(Self { kind: ScopeKind::from_text(kind), id: id.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_read_back_as_written() {
        let (user, room) = (UserId::new("a:b c").unwrap(), RoomId::new("user:x").unwrap());
        for scope in [Scope::user(&user), Scope::room(&room), Scope::cluster()] {
            assert!(scope.is_known());
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        assert_eq!(Scope::user(&user).to_string(), "user:a:b c");
        assert_eq!(Scope::user(&user).as_user(), Some(user.clone()));
        assert!(Scope::user(&UserId::guest(1)).is_guest() && !Scope::user(&user).is_guest());
        assert!(!Scope::room(&RoomId::new(UserId::guest(1).as_str()).unwrap()).is_guest());
        assert_eq!((Scope::user(&user).as_room(), Scope::room(&room).as_room()), (None, Some(room)));
    }

    #[test]
    fn a_kind_of_a_newer_version_survives_and_a_text_that_is_no_scope_is_refused() {
        let planet: Scope = "planet:1".parse().unwrap();
        assert!(!planet.is_known() && !planet.kind().expires_when_empty());
        assert_eq!((planet.to_string().as_str(), planet.id(), planet.kind().label()), ("planet:1", "1", "unknown"));
        for text in
            ["", "planet", ":1", "Planet:1", "pla net:1", "user:", "user:a\nb", &format!("{}:1", "x".repeat(33))]
        {
            assert!(text.parse::<Scope>().is_err(), "{text:?}");
        }
    }
}
