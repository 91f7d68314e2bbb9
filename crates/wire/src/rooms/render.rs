//! Messages to clients.

use serde::Serialize;
use timers::room::{Member, Room};
use timers::{Beat, Board, MemberId, ResumeSecret, RoomId, Timestamp};

use crate::event::Event;
use crate::rooms::state::{Client, Clients, TimerState};

/// The event with the countdown's state.
pub(crate) const STATE: &str = "timer:state";

/// The client has joined a room; only this client receives it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SessionJoined"))]
pub(crate) struct Joined<'a> {
    /// The id of the room.
    session_id: &'a str,
    /// The id of the client as a member.
    client_id: &'a MemberId,
    name: &'a str,
    /// The secret of this membership, with which another connection takes it over.
    resume: &'a ResumeSecret,
    created_at: Timestamp,
    last_activity: Timestamp,
    state: TimerState<'a>,
    #[serde(flatten)]
    clients: Clients<'a>,
}

/// The client has left its room.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SessionLeft"))]
pub(crate) struct Left<'a> {
    /// The id of the room.
    session_id: &'a RoomId,
}

/// The countdown at a whole second.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TimerTick"))]
pub(crate) struct CountdownTick<'a> {
    /// The id of the room.
    session_id: &'a str,
    /// The seconds that are left.
    remaining_time: u64,
    server_time: Timestamp,
    ends_at: Timestamp,
}

/// The countdown has reached zero.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TimerCompleted"))]
pub(crate) struct Completed<'a> {
    /// The id of the room.
    session_id: &'a str,
    completed_at: Timestamp,
}

/// Another member has joined or left.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SessionMemberEvent"))]
pub(crate) struct MemberEvent<'a> {
    /// The id of the room.
    session_id: &'a str,
    client: Client<'a>,
    #[serde(flatten)]
    clients: &'a Clients<'a>,
}

/// Renders `timer:state`; `None` if the room has ended.
pub fn state(board: &Board, now: Timestamp) -> Option<Event> {
    Some(Event::new(STATE, &TimerState::of(board, board.get::<Room>(&())?, now)))
}

/// Renders `session:joined` for a member; `None` if the room does not have the member.
pub fn joined(board: &Board, member: &MemberId, now: Timestamp) -> Option<Event> {
    let (room, member) = (board.get::<Room>(&())?, board.get::<Member>(member)?);
    Some(Event::new(
        "session:joined",
        &Joined {
            session_id: board.scope.id(),
            client_id: &member.id,
            name: &member.name,
            resume: &member.secret,
            created_at: room.created,
            last_activity: room.last_activity,
            state: TimerState::of(board, room, now),
            clients: Clients::of(board),
        },
    ))
}

/// Renders the answer to `session:leave`, for which there is no event.
pub fn left(room: &RoomId) -> String {
    serde_json::to_string(&Left { session_id: room }).expect("a text is JSON")
}

/// Renders `timer:tick`; `None` if the countdown does not run at that beat.
pub(crate) fn tick(board: &Board, beat: Beat) -> Option<Event> {
    let room = board.get::<Room>(&())?;
    let remaining = room.tick_at(beat)?;
    let ends_at = beat.instant() + remaining;
    Some(timer_tick(board, remaining.seconds_up(), beat.instant(), ends_at))
}

/// Renders a change: zero, if the countdown reached it; the members that left and those that joined; the countdown, if it
/// differs.
pub(crate) fn diff(old: &Board, new: &Board, now: Timestamp, mut send: impl FnMut(Event)) {
    let (Some(before), Some(after)) = (old.get::<Room>(&()), new.get::<Room>(&())) else { return };
    completion(old, new, &mut send);
    let (mut left, mut joined) = (Vec::new(), Vec::new());
    for pair in old.changed::<Member>(new) {
        match pair {
            (Some(member), None) => left.push(member),
            (None, Some(member)) => joined.push(member),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    if !left.is_empty() || !joined.is_empty() {
        // The list is the same in each of these events.
        let clients = Clients::of(new);
        left.into_iter().for_each(|member| send(member_event("session:user-left", new, member, &clients)));
        joined.into_iter().for_each(|member| send(member_event("session:user-joined", new, member, &clients)));
    }
    if countdown(before) != countdown(after) {
        send(Event::new(STATE, &TimerState::of(new, after, now)));
    }
}

/// Renders the last tick and `timer:completed`, if the countdown reached zero between two boards of a room.
pub fn completion(old: &Board, new: &Board, mut send: impl FnMut(Event)) {
    let (Some(before), Some(after)) = (old.get::<Room>(&()), new.get::<Room>(&())) else { return };
    if let Some(at) = after.completed_at.filter(|at| before.completed_at != Some(*at)) {
        send(timer_tick(new, 0, at, at));
        send(timer_completed(new, at));
    }
}

fn timer_tick(board: &Board, remaining_time: u64, server_time: Timestamp, ends_at: Timestamp) -> Event {
    Event::new("timer:tick", &CountdownTick { session_id: board.scope.id(), remaining_time, server_time, ends_at })
}

fn timer_completed(board: &Board, completed_at: Timestamp) -> Event {
    Event::new("timer:completed", &Completed { session_id: board.scope.id(), completed_at })
}

fn member_event(name: &'static str, board: &Board, member: &Member, clients: &Clients<'_>) -> Event {
    let payload = MemberEvent { session_id: board.scope.id(), client: Client::of(member), clients };
    Event { about: Some(member.id.clone()), ..Event::new(name, &payload) }
}

/// Returns the parts of a room that the countdown's state shows.
fn countdown(room: &Room) -> impl PartialEq {
    (room.duration, room.phase, room.started_at, room.completed_at)
}
