//! The members of restored rooms. Their connections and nodes are gone, so they count as disconnected: they can return for as
//! long as after any lost connection, and leave by the rules otherwise.

use bytes::Bytes;
use engine::store::StoredScope;
use timers::room::Member;
use timers::{Item, Position, ScopeKind, Tag, Timestamp};

/// Returns the scope with all members disconnected at this instant. The change has a position of its own, and a deadline by
/// which a node settles the room. Items of other types, and those of a newer format, stay as they are.
pub(super) fn disconnected(mut stored: StoredScope, now: Timestamp) -> StoredScope {
    if *stored.scope.kind() != ScopeKind::Room {
        return stored;
    }
    let now = now.max(stored.at);
    let mut has_changed = false;
    for (_, bytes) in &mut stored.items {
        let Ok(item) = Item::decode(bytes) else { continue };
        if let Some(member) = item.get::<Member>().filter(|member| member.disconnected_at.is_none()) {
            let member = Member { disconnected_at: Some(now), ..member.clone() };
            *bytes = Bytes::from(Item::Member(member).encode());
            has_changed = true;
        }
    }
    if has_changed {
        let Position { revision, .. } = stored.position;
        stored.position = Position { revision: revision.next(), tag: Tag(fastrand::u64(1..)) };
        stored.at = now;
        stored.deadline = Some(now);
    }
    stored
}

#[cfg(test)]
mod tests {
    use super::*;
    use timers::{ItemKey, Revision};

    const MEMBER: &str =
        r#"{"v":1,"member":{"id":"m","name":"Ann","connected_at":5,"secret":"s","link":"c","node":"n","later":1}}"#;

    fn room(items: &[(&str, &str)]) -> StoredScope {
        StoredScope {
            scope: "room:r".parse().unwrap(),
            position: Position { revision: Revision(3), tag: Tag(7) },
            at: Timestamp(10),
            items: items
                .iter()
                .map(|(key, item)| (ItemKey::from_stored(key), Bytes::from((*item).to_owned())))
                .collect(),
            recent: Vec::new(),
            deadline: None,
            ends_at: None,
            touched_at: None,
        }
    }

    #[test]
    fn items_that_are_no_members_of_this_version_stay_byte_for_byte() {
        let items =
            [("member:a", r#"{ "v": 99, "member": {} }"#), ("later:b", r#"{"v":1,"later": {} }"#), ("x", "no item")];
        assert_eq!(disconnected(room(&items), Timestamp(20)), room(&items));
        let person = StoredScope { scope: "user:r".parse().unwrap(), ..room(&[("member:m", MEMBER)]) };
        assert_eq!(disconnected(person.clone(), Timestamp(20)), person);
    }

    #[test]
    fn a_connected_member_is_disconnected_once() {
        let once = disconnected(room(&[("member:m", MEMBER)]), Timestamp(20));
        assert_eq!((once.position.revision, once.at, once.deadline), (Revision(4), Timestamp(20), Some(Timestamp(20))));
        assert_ne!(once.position.tag, Tag(7));
        let item = Item::decode(&once.items[0].1).unwrap();
        let member = item.get::<Member>().unwrap();
        assert_eq!((member.disconnected_at, member.unknown_fields.len()), (Some(Timestamp(20)), 1));
        assert_eq!(disconnected(once.clone(), Timestamp(30)), once);
    }
}
