//! What one member of a room is sent, as events of the Rooms dialect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use timers::room::Member;
use timers::{Beat, Board, MemberId, Timestamp};
use wire::rooms::Rooms;
use wire::{Dialect, Event};

use crate::simulation::journal::CommittedBoard;

/// How the node classified a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeliveryKind {
    /// The whole view, to a new member.
    Initial,
    Diff,
    Resync,
}

/// The events that a member was sent, from its `session:joined` on.
pub(crate) struct Session {
    pub(crate) member: MemberId,
    views: Vec<ShownView>,
}

/// A view that a member was sent, and when.
struct ShownView {
    kind: DeliveryKind,
    at: Timestamp,
    board: Arc<Board>,
    events: Vec<Event>,
}

/// The events about one member in one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sightings {
    pub(crate) joins: usize,
    pub(crate) leaves: usize,
}

/// The events of a session.
#[derive(Default)]
pub(crate) struct SessionEvents {
    /// The other members that joined or left.
    pub(crate) members: BTreeMap<MemberId, Sightings>,
    /// The zeros, and when the client was told.
    pub(crate) zeros: Vec<(Timestamp, Timestamp)>,
    pub(crate) resyncs: usize,
}

impl Session {
    pub(crate) fn begin(member: &MemberId, board: &Arc<Board>, now: Timestamp) -> Self {
        let mut events = Vec::new();
        Rooms::greet(board, member, now, |event| events.push(event));
        let initial = ShownView { kind: DeliveryKind::Initial, at: now, board: Arc::clone(board), events };
        Self { member: member.clone(), views: vec![initial] }
    }

    pub(crate) fn record(&mut self, kind: DeliveryKind, old: &Board, new: &Arc<Board>, now: Timestamp) {
        assert_eq!(self.board(), old, "a delivery begins at the view that was seen");
        let mut events = Vec::new();
        match kind {
            DeliveryKind::Initial => panic!("the whole view is sent once"),
            DeliveryKind::Diff => Rooms::diff(old, new, now, |event| events.push(event)),
            DeliveryKind::Resync => Rooms::resync(old, new, now, |event| events.push(event)),
        }
        events.retain(|event| event.about.as_ref() != Some(&self.member));
        self.views.push(ShownView { kind, at: now, board: Arc::clone(new), events });
    }

    pub(crate) fn record_tick(&mut self, board: &Board, beat: Beat) {
        assert_eq!(self.board(), board, "a tick is of the view that was seen");
        Rooms::ticks(board, beat, |event| {
            assert_ne!(payload(&event)["remainingTime"], 0, "only the commit of zero tells it: {event:?}");
        });
    }

    pub(crate) fn begun_at(&self) -> Timestamp {
        self.views[0].at
    }

    /// Returns the latest view.
    pub(crate) fn board(&self) -> &Board {
        &self.views.last().expect("a session begins with a view").board
    }

    /// Returns the position of the session's views among the commits to the room.
    ///
    /// Each view must be the board of a commit, and the commits must ascend.
    pub(crate) fn committed_views(&self, commits: &[CommittedBoard]) -> Vec<usize> {
        let by_tag: BTreeMap<_, _> =
            commits.iter().enumerate().map(|(nth, commit)| (commit.board.position.tag.0, nth)).collect();
        let views: Vec<usize> = self
            .views
            .iter()
            .map(|view| {
                let nth = *by_tag.get(&view.board.position.tag.0).expect("a view is the board of a commit");
                assert_eq!(view.board, commits[nth].board, "a view is the board of its commit");
                nth
            })
            .collect();
        assert!(views.is_sorted_by(|one, next| one < next), "no view comes twice or before an older one: {views:?}");
        views
    }

    /// Replays the events as a client does.
    ///
    /// Between two views, the client is told that a member left that it knows, and that a member joined that it does not
    /// know, and knows the members of the view then. It is told each zero once, in order.
    pub(crate) fn replay(&self) -> SessionEvents {
        let mut seen = SessionEvents::default();
        let mut known: BTreeSet<MemberId> = BTreeSet::new();
        for view in &self.views {
            let members: BTreeSet<MemberId> = view.board.all::<Member>().map(|member| member.id.clone()).collect();
            for event in &view.events {
                let payload = payload(event);
                match event.name {
                    "session:joined" => known = listed(&payload),
                    "session:user-left" => {
                        let left = about(&payload);
                        assert!(known.remove(&left), "{left} left, whom the client does not know");
                        seen.members.entry(left).or_default().leaves += 1;
                    }
                    "session:user-joined" => {
                        let joined = about(&payload);
                        assert!(known.insert(joined.clone()), "{joined} joined, whom the client knows");
                        seen.members.entry(joined).or_default().joins += 1;
                    }
                    "timer:completed" => {
                        let zero = Timestamp(payload["completedAt"].as_u64().unwrap());
                        assert!(seen.zeros.last().is_none_or(|(last, _)| *last < zero), "the zero of {zero:?} again");
                        seen.zeros.push((zero, view.at));
                    }
                    "timer:tick" | "timer:state" => continue,
                    other => panic!("unexpected event {other}"),
                }
                if event.name.starts_with("session:") {
                    assert_eq!(listed(&payload), members, "the list is of the view");
                }
            }
            let others = |members: &BTreeSet<MemberId>| {
                members.iter().filter(|id| **id != self.member).cloned().collect::<BTreeSet<_>>()
            };
            assert_eq!(others(&known), others(&members), "the client knows the members of the view");
            seen.resyncs += usize::from(view.kind == DeliveryKind::Resync);
        }
        seen
    }
}

fn payload(event: &Event) -> Value {
    serde_json::from_str(&event.payload).expect("a payload is JSON")
}

fn about(payload: &Value) -> MemberId {
    MemberId::new(payload["client"]["id"].as_str().unwrap()).unwrap()
}

fn listed(payload: &Value) -> BTreeSet<MemberId> {
    let clients = payload["clients"].as_array().unwrap();
    clients.iter().map(|client| MemberId::new(client["id"].as_str().unwrap()).unwrap()).collect()
}
