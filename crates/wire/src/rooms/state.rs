//! Rooms and their members as clients see them.

use serde::Serialize;
use timers::room::{Member, Phase, Room};
use timers::{Board, MemberId, Revision, Scope, Timestamp};

use crate::rooms::LISTED_MAX;

/// `TimerState`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TimerState<'a> {
    session_id: &'a str,
    duration: u64,
    remaining_time: u64,
    is_running: bool,
    is_paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<Timestamp>,
    server_time: Timestamp,
    rev: Revision,
}

impl<'a> TimerState<'a> {
    pub(crate) fn of(board: &'a Board, room: &Room, now: Timestamp) -> Self {
        let (paused_at, ends_at) = match room.phase {
            Phase::Idle => (None, None),
            Phase::Running { ends_at, .. } => (None, Some(ends_at)),
            Phase::Paused { at, .. } => (Some(at), None),
        };
        Self {
            session_id: session_id(board),
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

/// A member as the others see them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
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

/// The members by the time they came, the first [`LISTED_MAX`], and how many there are.
#[derive(Serialize)]
pub(crate) struct Clients<'a> {
    clients: Vec<Client<'a>>,
    count: usize,
}

impl<'a> Clients<'a> {
    pub(crate) fn of(board: &'a Board) -> Self {
        let mut members: Vec<&Member> = board.members().collect();
        members.sort_by(|one, other| (one.connected_at, &one.id).cmp(&(other.connected_at, &other.id)));
        let count = members.len();
        Self { clients: members.into_iter().take(LISTED_MAX).map(Client::of).collect(), count }
    }
}

/// The id of the room whose board this is.
pub(crate) fn session_id(board: &Board) -> &str {
    match &board.scope {
        Scope::Room(room) => room.as_str(),
        Scope::User(user) => user.as_str(),
        Scope::Node(node) => node.as_str(),
        Scope::Cluster => "",
    }
}
