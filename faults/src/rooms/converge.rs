//! The conditions of convergence for rooms.

use std::collections::{BTreeMap, BTreeSet};

use harness::SocketIo;
use serde_json::json;

use super::stored::StoredRoom;
use super::view::{RoomView, listed};
use super::{RoomClient, RoomIds, RoomState};
use crate::oracle::SuspendedInvariants;
use crate::target::Target;

/// Returns the unmet conditions: every client is connected, has all its replies, and is in its room if it wants to be;
/// the members in the store are the clients that are in their rooms; each of these sees the members and the countdown in
/// the store; and no countdown runs any more.
pub(crate) fn unmet_conditions(
    clients: &[RoomClient],
    stored: &BTreeMap<String, StoredRoom>,
    suspended: SuspendedInvariants,
) -> Vec<String> {
    let mut unmet = Vec::new();
    let mut joined: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for client in clients {
        let state = client.state();
        unmet.extend(unmet_condition(&state, stored));
        if let Some(view) = &state.view {
            joined.entry(view.room.clone()).or_default().insert(view.member.clone());
        }
    }
    let rooms = stored.iter();
    unmet.extend(rooms.filter_map(|(id, room)| unmet_in_room(id, room, joined.get(id), suspended)));
    unmet
}

/// Joins each room at each node, and returns the differences from the store.
pub(crate) async fn nodes(target: &Target, ids: &RoomIds, stored: &BTreeMap<String, StoredRoom>) -> Vec<String> {
    let ids = ids.all();
    let probes = ids.iter().map(|id| probe(target, id, stored.get(id)));
    futures_util::future::join_all(probes).await.concat()
}

/// Joins a room at one node after the other.
async fn probe(target: &Target, id: &str, stored: Option<&StoredRoom>) -> Vec<String> {
    let wanted = stored.map(|room| room.members.clone()).unwrap_or_default();
    let mut violations = Vec::new();
    for (nth, node) in target.nodes.iter().enumerate() {
        let (mut guest, reply) = SocketIo::guest(node.public, id).await;
        let mut members = listed(&reply);
        members.remove(reply["clientId"].as_str().unwrap_or_default());
        if members != wanted {
            violations.push(format!("no agreement: node {nth} sends a new client of {id}: {members:?} not {wanted:?}"));
        }
        guest.must("session:leave", json!(null)).await;
    }
    violations
}

fn unmet_condition(state: &RoomState, stored: &BTreeMap<String, StoredRoom>) -> Option<String> {
    let client = &state.record.client;
    if !state.is_connected {
        return Some(format!("{client} is not connected"));
    }
    if let Some(request) = &state.pending {
        return Some(format!("{client} has no reply to {request}"));
    }
    let Some(RoomView { room, members, countdown, .. }) = &state.view else {
        return state.wants_room.then(|| format!("{client} is not in its room"));
    };
    let Some(wanted) = stored.get(room) else {
        return Some(format!("{client} is in {room}, which is not stored"));
    };
    if *members != wanted.members {
        return Some(format!("{client} sees the members {members:?} instead of {:?}", wanted.members));
    }
    let differs = wanted.countdown.as_ref() != Some(countdown);
    differs.then(|| format!("{client} sees {countdown:?} instead of {:?}", wanted.countdown))
}

fn unmet_in_room(
    id: &str,
    room: &StoredRoom,
    joined: Option<&BTreeSet<String>>,
    suspended: SuspendedInvariants,
) -> Option<String> {
    let nobody = BTreeSet::new();
    let joined = joined.unwrap_or(&nobody);
    let is_complete =
        if suspended.restored_members { joined.is_subset(&room.members) } else { *joined == room.members };
    if !is_complete || !room.disconnected.is_empty() {
        let StoredRoom { members, disconnected, .. } = room;
        return Some(format!("{id} has the members {members:?}, {disconnected:?} disconnected, instead of {joined:?}"));
    }
    let ends_at = room.countdown.as_ref()?.ends_at?;
    Some(format!("the countdown of {id} runs until {ends_at}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;
    use crate::rooms::view::Countdown;

    #[test]
    fn a_client_that_sees_the_store_has_converged() {
        assert_eq!(unmet_condition(&state(), &stored()), None);
        let out = RoomState { wants_room: false, view: None, ..state() };
        assert_eq!(unmet_condition(&out, &stored()), None);
    }

    #[test]
    fn every_unmet_condition_of_a_client_is_found() {
        let check = |change: fn(&mut RoomState), stored: BTreeMap<String, StoredRoom>, what: &str| {
            let mut state = state();
            change(&mut state);
            let condition = unmet_condition(&state, &stored).unwrap();
            assert!(condition.contains(what), "{condition}");
        };
        check(|state| state.is_connected = false, stored(), "not connected");
        check(|state| state.pending = Some(json!({})), stored(), "no reply");
        check(|state| state.view = None, stored(), "not in its room");
        check(|_| (), BTreeMap::new(), "not stored");
        check(|state| _ = state.view.as_mut().unwrap().members.insert("b".to_owned()), stored(), "sees the members");
        check(|state| state.view.as_mut().unwrap().countdown.ends_at = Some(9), stored(), "ends_at: Some(9)");
    }

    #[test]
    fn a_room_has_exactly_the_joined_members_and_no_running_countdown() {
        let room = stored().remove("r").unwrap();
        let joined = BTreeSet::from(["a".to_owned()]);
        let of = |room: &StoredRoom, joined| unmet_in_room("r", room, joined, SuspendedInvariants::default());
        assert_eq!(of(&room, Some(&joined)), None);
        assert!(of(&room, None).unwrap().contains("instead of {}"));
        let restored = SuspendedInvariants { restored_members: true, ..SuspendedInvariants::default() };
        assert_eq!(unmet_in_room("r", &room, None, restored), None);
        assert!(unmet_in_room("r", &StoredRoom::default(), Some(&joined), restored).is_some());
        let lost = StoredRoom { disconnected: joined.clone(), ..room.clone() };
        assert!(of(&lost, Some(&joined)).unwrap().contains("disconnected"));
        let countdown = Some(Countdown { ends_at: Some(8), ..Countdown::default() });
        let running = StoredRoom { countdown, ..room };
        assert!(of(&running, Some(&joined)).unwrap().contains("runs until 8"));
    }

    fn state() -> RoomState {
        let members = BTreeSet::from(["a".to_owned()]);
        let view = RoomView { room: "r".to_owned(), member: "a".to_owned(), members, ..RoomView::default() };
        RoomState {
            record: Record::example([]),
            is_connected: true,
            wants_room: true,
            view: Some(view),
            pending: None,
            resume: None,
            last_ack: 0,
        }
    }

    fn stored() -> BTreeMap<String, StoredRoom> {
        let members = BTreeSet::from(["a".to_owned()]);
        let room = StoredRoom { members, countdown: Some(Countdown::default()), ..StoredRoom::default() };
        BTreeMap::from([("r".to_owned(), room)])
    }
}
