//! Rooms and their members as clients see them.

use serde::Serialize;
use timers::room::{CountdownPhase, Member, Room};
use timers::{Board, MemberId, Revision, Timestamp};

use crate::rooms::LISTED_MAX;

/// The countdown of a room.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct TimerState<'a> {
    /// The id of the room.
    session_id: &'a str,
    /// The whole duration in seconds.
    duration: u64,
    /// The seconds that are left, rounded up.
    remaining_time: u64,
    is_running: bool,
    is_paused: bool,
    /// The last start. A resumed countdown keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_at: Option<Timestamp>,
    /// When the countdown reaches zero, while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<Timestamp>,
    server_time: Timestamp,
    rev: Revision,
}

impl<'a> TimerState<'a> {
    pub(crate) fn of(board: &'a Board, room: &Room, now: Timestamp) -> Self {
        let (paused_at, ends_at) = match room.phase {
            CountdownPhase::Idle => (None, None),
            CountdownPhase::Running { ends_at, .. } => (None, Some(ends_at)),
            CountdownPhase::Paused { at, .. } => (Some(at), None),
        };
        Self {
            session_id: board.scope.id(),
            duration: room.duration.seconds_up(),
            remaining_time: room.remaining_at(now).seconds_up(),
            is_running: ends_at.is_some(),
            is_paused: paused_at.is_some(),
            started_at: room.started_at,
            paused_at,
            ends_at,
            server_time: now,
            rev: board.position.revision,
        }
    }
}

/// A member as the other members see it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "RoomClient"))]
pub(crate) struct Client<'a> {
    id: &'a MemberId,
    name: &'a str,
    connected_at: Timestamp,
}

impl<'a> Client<'a> {
    pub(crate) fn of(member: &'a Member) -> Self {
        Self { id: &member.id, name: &member.name, connected_at: member.connected_at }
    }
}

/// The first [`LISTED_MAX`] members in the order in which they joined, and the number of all.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Clients<'a> {
    /// The first 100 members in the order in which they joined.
    clients: Vec<Client<'a>>,
    /// The number of all members.
    count: usize,
}

impl<'a> Clients<'a> {
    pub(crate) fn of(board: &'a Board) -> Self {
        let by_age = |one: &&Member, other: &&Member| (one.connected_at, &one.id).cmp(&(other.connected_at, &other.id));
        let mut members: Vec<&Member> = board.all::<Member>().collect();
        let count = members.len();
        // Sorting only those that are listed keeps the cost of a large room linear.
        if count > LISTED_MAX {
            members.select_nth_unstable_by(LISTED_MAX, by_age);
            members.truncate(LISTED_MAX);
        }
        members.sort_by(by_age);
        Self { clients: members.into_iter().map(Client::of).collect(), count }
    }
}
