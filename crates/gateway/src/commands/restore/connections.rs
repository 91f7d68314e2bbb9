//! The connections of restored scopes. They and their nodes are gone, so the members of rooms count as disconnected: they can
//! return for as long as after any lost connection, and leave by the rules otherwise. Of focus sessions no second counts
//! after the last instant at which a socket certainly tracked them, and a socket can return.

use bytes::Bytes;
use engine::store::StoredScope;
use timers::focus::FocusSession;
use timers::room::Member;
use timers::{Item, Position, ScopeKind, Tag, Timestamp};

/// Returns the scope without connections at this instant. The change has a position of its own, and a deadline by which a
/// node settles the scope. Items of other types, and those of a newer format, stay as they are.
pub(super) fn disconnected(mut stored: StoredScope, now: Timestamp) -> StoredScope {
    if !matches!(stored.scope.kind(), ScopeKind::Room | ScopeKind::Focus) {
        return stored;
    }
    let now = now.max(stored.at);
    let mut has_changed = false;
    for (_, bytes) in &mut stored.items {
        let Ok(item) = Item::decode(bytes) else { continue };
        if let Some(item) = disconnected_member(&item, now).or_else(|| untracked_session(&item)) {
            *bytes = Bytes::from(item.encode());
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

/// Returns a member who is disconnected now; `None` for other items, and for one who was not connected.
fn disconnected_member(item: &Item, now: Timestamp) -> Option<Item> {
    let member = item.get::<Member>().filter(|member| member.disconnected_at.is_none())?;
    Some(Item::Member(Member { disconnected_at: Some(now), ..member.clone() }))
}

/// Returns a focus session without its sockets; `None` for other items, and for one that no socket tracked.
fn untracked_session(item: &Item) -> Option<Item> {
    let mut session = item.get::<FocusSession>()?.clone();
    session.lose_sockets().then_some(Item::FocusSession(session))
}

#[cfg(test)]
mod tests {
    use super::*;
    use timers::{ItemKey, Revision};

    const MEMBER: &str =
        r#"{"v":1,"member":{"id":"m","name":"Ann","connected_at":5,"secret":"s","link":"c","node":"n","later":1}}"#;

    fn room(items: &[(&str, &str)]) -> StoredScope {
        stored("room:r", items)
    }

    fn stored(scope: &str, items: &[(&str, &str)]) -> StoredScope {
        StoredScope {
            scope: scope.parse().unwrap(),
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

    #[test]
    fn a_tracked_focus_session_stops_when_it_was_last_seen_and_others_stay_as_they_are() {
        let session = |trackers: &str, tracking: &str| {
            format!(
                r#"{{"v":1,"focus-session":{{"id":"65a1f0c2e4b0a1b2c3d4e5f6","subject":"Maths","target_minutes":25,
                "status":"active","created_at":1,"started_at":1,"updated_at":2,"tab_switches":0,"was_tracked":true,
                "settled":[9,9,0],"closed":[],"trackers":{trackers},"later":1{tracking}}}}}"#
            )
        };
        let tracking =
            r#","tracking":{"since":1000,"idle_after":15000,"spans":[[1000,8000]],"folded":[0,0],"seen_at":8000}"#;
        let tracked = session(r#"[{"node":"n","connection":"c"},{"node":"o","connection":"d"}]"#, tracking);
        let left = session("[]", "");
        let items = [("focus-session:a", tracked.as_str()), ("focus-session:b", left.as_str())];
        let once = disconnected(stored("focus:ann", &items), Timestamp(90_000));
        assert_eq!((once.position.revision, once.deadline), (Revision(4), Some(Timestamp(90_000))));
        let item = Item::decode(&once.items[0].1).unwrap();
        let stopped = item.get::<FocusSession>().unwrap();
        assert!(stopped.trackers.is_empty() && stopped.unknown_fields.len() == 1);
        assert_eq!(stopped.tracking.as_ref().unwrap().stopped_at, Some(Timestamp(8000)));
        assert_eq!(stopped.counters_at(Timestamp(90_000)).elapsed, 9 + 7);
        assert_eq!(once.items[1].1, left);
        assert_eq!(disconnected(once.clone(), Timestamp(95_000)), once);
    }
}
