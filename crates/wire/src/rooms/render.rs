//! What a client is told.

use serde::Serialize;
use timers::room::{Member, Room};
use timers::{Beat, Board, MemberId, ResumeSecret, RoomId, Timestamp};

use crate::rooms::fault::Fault;
use crate::rooms::state::{Client, Clients, TimerState, session_id};

/// The event that carries the countdown's state.
const STATE: &str = "timer:state";

/// One event to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its name.
    pub name: &'static str,
    /// Its payload, JSON.
    pub payload: String,
    /// The member that it tells the others of, and who is not told.
    pub about: Option<MemberId>,
}

impl Event {
    fn new(name: &'static str, payload: &impl Serialize) -> Self {
        let payload = serde_json::to_string(payload).expect("events have no key that JSON can't write");
        Self { name, payload, about: None }
    }

    /// Tells whether this is the countdown's state.
    pub fn is_state(&self) -> bool {
        self.name == STATE
    }
}

/// Renders `timer:state`; `None` if the room is gone.
pub fn state(board: &Board, now: Timestamp) -> Option<Event> {
    Some(Event::new(STATE, &TimerState::of(board, board.room()?, now)))
}

/// Renders `session:joined` for a member; `None` if they are not there.
pub fn joined(board: &Board, member: &MemberId, now: Timestamp) -> Option<Event> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Joined<'a> {
        session_id: &'a str,
        client_id: &'a MemberId,
        name: &'a str,
        resume: &'a ResumeSecret,
        created_at: Timestamp,
        last_activity: Timestamp,
        state: TimerState<'a>,
        #[serde(flatten)]
        clients: Clients<'a>,
    }
    let (room, member) = (board.room()?, board.member(member)?);
    Some(Event::new(
        "session:joined",
        &Joined {
            session_id: session_id(board),
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

/// Renders that a token was taken, and when it ends if that is known.
pub fn authenticated(ends_at: Option<Timestamp>) -> Event {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Authenticated {
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
    }
    Event::new("auth", &Authenticated { expires_at: ends_at })
}

/// Renders the answer to `session:leave`, which is no event of its own.
pub fn left(room: &RoomId) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Left<'a> {
        session_id: &'a RoomId,
    }
    serde_json::to_string(&Left { session_id: room }).expect("a text is JSON")
}

/// Renders `timer:tick`; `None` if nothing runs at that beat.
pub fn tick(board: &Board, beat: Beat) -> Option<Event> {
    let room = board.room()?;
    let remaining = room.tick_at(beat)?;
    let ends_at = beat.instant() + remaining;
    Some(a_tick(board, remaining.seconds_up(), beat.instant(), ends_at))
}

/// Renders what a member that has seen `old` is told of `new`, in order: zero, if the countdown came to it; who has
/// gone and who has come; the countdown, if it differs.
pub fn news(old: &Board, new: &Board, now: Timestamp, mut send: impl FnMut(Event)) {
    let (Some(before), Some(after)) = (old.room(), new.room()) else { return };
    if let Some(at) = after.completed_at.filter(|at| before.completed_at != Some(*at)) {
        send(a_tick(new, 0, at, at));
        send(completed(new, at));
    }
    for member in old.members().filter(|member| new.member(&member.id).is_none()) {
        send(about("session:user-left", new, member));
    }
    for member in new.members().filter(|member| old.member(&member.id).is_none()) {
        send(about("session:user-joined", new, member));
    }
    if countdown(before) != countdown(after) {
        send(Event::new(STATE, &TimerState::of(new, after, now)));
    }
}

/// Renders `error`, whose payload is also what an acknowledgement has as its `error`.
pub fn error(fault: &Fault) -> Event {
    #[derive(Serialize)]
    struct Error<'a> {
        code: &'static str,
        message: &'a str,
    }
    Event::new("error", &Error { code: fault.code.as_str(), message: &fault.message })
}

fn a_tick(board: &Board, remaining_time: u64, server_time: Timestamp, ends_at: Timestamp) -> Event {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Tick<'a> {
        session_id: &'a str,
        remaining_time: u64,
        server_time: Timestamp,
        ends_at: Timestamp,
    }
    Event::new("timer:tick", &Tick { session_id: session_id(board), remaining_time, server_time, ends_at })
}

fn completed(board: &Board, completed_at: Timestamp) -> Event {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Completed<'a> {
        session_id: &'a str,
        completed_at: Timestamp,
    }
    Event::new("timer:completed", &Completed { session_id: session_id(board), completed_at })
}

fn about(name: &'static str, board: &Board, member: &Member) -> Event {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct About<'a> {
        session_id: &'a str,
        client: Client<'a>,
        #[serde(flatten)]
        clients: Clients<'a>,
    }
    let payload = About { session_id: session_id(board), client: Client::of(member), clients: Clients::of(board) };
    Event { about: Some(member.id.clone()), ..Event::new(name, &payload) }
}

/// What of a room the countdown's state shows.
fn countdown(room: &Room) -> impl PartialEq {
    (room.duration, room.phase, room.started_at, room.completed_at)
}
