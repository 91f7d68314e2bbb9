//! The rules of rooms.

use std::collections::BTreeSet;

use crate::draft::Draft;
use crate::event::Event;
use crate::ids::{LinkId, MemberId, NodeId};
use crate::item::{Item, ItemKey};
use crate::room::command::{Command, Joining};
use crate::room::countdown::{ADJUST_MAX, DURATION_MAX, DURATION_USUAL, Phase, Room};
use crate::room::member::Member;
use crate::room::refusal::Refusal;
use crate::time::{Millis, Timestamp};

/// What happens in a room by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// The countdown comes to zero.
    Zero,
    /// A member did not come back.
    Lost(MemberId),
    /// The room was empty for long enough.
    Gone,
}

/// Carries out what is due, one after the other, each dated at its own instant.
pub(crate) fn settle(draft: &mut Draft<'_>) {
    while let Some(room) = room(draft).cloned() {
        let lost =
            members(draft).filter_map(|member| Some((member.deadline(draft.limits)?, Due::Lost(member.id.clone()))));
        let own = match room.phase {
            Phase::Running { ends_at, .. } => Some((ends_at, Due::Zero)),
            Phase::Idle | Phase::Paused { .. } => room.gone_at(draft.limits).map(|at| (at, Due::Gone)),
        };
        match lost.chain(own).min().filter(|(at, _)| *at <= draft.now) {
            None => return,
            Some((at, Due::Zero)) => put_room(draft, completed(room, at)),
            Some((at, Due::Lost(member))) => {
                draft.remove(&ItemKey::member(&member));
                left(draft, room, at);
            }
            Some((_, Due::Gone)) => draft.remove(&ItemKey::room()),
        }
    }
}

/// Carries out one command on a draft.
pub(crate) fn apply(draft: &mut Draft<'_>, command: &Command) -> Result<Event, Refusal> {
    if let Command::Create(duration, joining) = command {
        return create(draft, *duration, joining);
    }
    let room = room(draft).cloned().ok_or(Refusal::UnknownRoom)?;
    match command {
        Command::Create(..) => Err(Refusal::RoomTaken),
        Command::Join(joining) => join(draft, room, joining),
        Command::Leave(link) => Ok(leave(draft, room, link)),
        Command::Lose(link) => Ok(lose(draft, link)),
        Command::Depart(node) => Ok(depart(draft, room, node)),
        Command::Start(duration) => start(draft, room, *duration),
        Command::Pause => Ok(pause(draft, room)),
        Command::Resume => Ok(resume(draft, room)),
        Command::Reset => Ok(reset(draft, room)),
        Command::Adjust(by) => adjust(draft, room, *by),
    }
}

fn create(draft: &mut Draft<'_>, duration: Option<Millis>, joining: &Joining) -> Result<Event, Refusal> {
    // What a newer version keeps there is no room to us, and not to be written over.
    if draft.get(&ItemKey::room()).is_some() {
        return Err(Refusal::RoomTaken);
    }
    let room = Room {
        created: draft.now,
        last_activity: draft.now,
        duration: checked(duration.unwrap_or(DURATION_USUAL))?,
        started_at: None,
        phase: Phase::Idle,
        completed_at: None,
        empty_since: None,
        rest: Vec::new(),
    };
    join(draft, room, joining)?;
    Ok(Event::RoomCreated)
}

fn join(draft: &mut Draft<'_>, mut room: Room, joining: &Joining) -> Result<Event, Refusal> {
    let old = members(draft).find(|member| Some(&member.secret) == joining.resume.as_ref());
    if let Some(old) = old.cloned() {
        let id = old.id.clone();
        let (link, node) = (joining.link.clone(), joining.node.clone());
        put_member(draft, Member { link, node, lost_at: None, ..old });
        return Ok(Event::MemberResumed(id));
    }
    if let Some(there) = by_link(draft, &joining.link) {
        return Ok(Event::MemberJoined(there.id.clone()));
    }
    let most = draft.limits.rooms.members;
    if members(draft).count() >= most {
        return Err(Refusal::RoomFull(most));
    }
    put_member(
        draft,
        Member {
            id: joining.member.clone(),
            name: name(draft, joining)?,
            connected_at: draft.now,
            secret: joining.secret.clone(),
            link: joining.link.clone(),
            node: joining.node.clone(),
            lost_at: None,
            rest: Vec::new(),
        },
    );
    room.empty_since = None;
    touch(draft, room);
    Ok(Event::MemberJoined(joining.member.clone()))
}

/// The name that was given, else "User" and the lowest number that nobody has.
fn name(draft: &Draft<'_>, joining: &Joining) -> Result<String, Refusal> {
    let most = draft.limits.rooms.name_chars;
    match &joining.name {
        Some(name) if name.chars().count() > most => Err(Refusal::NameTooLong(most)),
        Some(name) => Ok(name.clone()),
        None => {
            let numbers: BTreeSet<usize> =
                members(draft).filter_map(|member| member.name.strip_prefix("User ")?.parse().ok()).collect();
            let free = (1..).find(|number| !numbers.contains(number)).unwrap_or(usize::MAX);
            Ok(format!("User {free}"))
        }
    }
}

fn leave(draft: &mut Draft<'_>, room: Room, link: &LinkId) -> Event {
    if let Some(member) = by_link(draft, link) {
        let (key, now) = (ItemKey::member(&member.id), draft.now);
        draft.remove(&key);
        left(draft, room, now);
    }
    Event::MemberLeft(link.clone())
}

fn lose(draft: &mut Draft<'_>, link: &LinkId) -> Event {
    if let Some(member) = by_link(draft, link).filter(|member| member.lost_at.is_none()) {
        let member = Member { lost_at: Some(draft.now), ..member.clone() };
        put_member(draft, member);
    }
    Event::MemberLost(link.clone())
}

fn depart(draft: &mut Draft<'_>, room: Room, node: &NodeId) -> Event {
    let departed: Vec<MemberId> =
        members(draft).filter(|member| member.node == *node).map(|member| member.id.clone()).collect();
    for id in &departed {
        draft.remove(&ItemKey::member(id));
    }
    if !departed.is_empty() {
        let now = draft.now;
        left(draft, room, now);
    }
    Event::NodeDeparted(node.clone())
}

/// Notes that somebody has left.
fn left(draft: &mut Draft<'_>, mut room: Room, at: Timestamp) {
    room.last_activity = room.last_activity.max(at);
    if members(draft).next().is_none() {
        room.empty_since = Some(at);
    }
    put_room(draft, room);
}

fn start(draft: &mut Draft<'_>, mut room: Room, duration: Option<Millis>) -> Result<Event, Refusal> {
    room.duration = checked(duration.unwrap_or(room.duration))?;
    room.started_at = Some(draft.now);
    room.phase = Phase::Running { since: draft.now, ends_at: draft.now + room.duration };
    touch(draft, room);
    Ok(Event::CountdownStarted)
}

fn pause(draft: &mut Draft<'_>, mut room: Room) -> Event {
    if room.is_running() {
        room.phase = Phase::Paused { at: draft.now, remaining: room.remaining_at(draft.now) };
        touch(draft, room);
    }
    Event::CountdownPaused
}

fn resume(draft: &mut Draft<'_>, mut room: Room) -> Event {
    if let Phase::Paused { remaining, .. } = room.phase {
        room.phase = Phase::Running { since: draft.now, ends_at: draft.now + remaining };
        touch(draft, room);
    }
    Event::CountdownResumed
}

fn reset(draft: &mut Draft<'_>, mut room: Room) -> Event {
    if room.phase != Phase::Idle {
        room.phase = Phase::Idle;
        touch(draft, room);
    }
    Event::CountdownReset
}

fn adjust(draft: &mut Draft<'_>, mut room: Room, by: i64) -> Result<Event, Refusal> {
    if by.unsigned_abs() > ADJUST_MAX.0 {
        return Err(Refusal::InvalidSeconds);
    }
    let remaining = Millis(room.remaining_at(draft.now).0.saturating_add_signed(by));
    if remaining > DURATION_MAX {
        return Err(Refusal::InvalidSeconds);
    }
    let phase = match room.phase {
        Phase::Idle => Phase::Idle,
        Phase::Running { since, .. } => Phase::Running { since, ends_at: draft.now + remaining },
        Phase::Paused { at, .. } => Phase::Paused { at, remaining },
    };
    if phase != room.phase {
        room.phase = phase;
        if remaining == Millis(0) {
            room = completed(room, draft.now);
        }
        touch(draft, room);
    }
    Ok(Event::CountdownAdjusted)
}

fn completed(room: Room, at: Timestamp) -> Room {
    Room { phase: Phase::Idle, completed_at: Some(at), ..room }
}

fn checked(duration: Millis) -> Result<Millis, Refusal> {
    match duration {
        Millis(0) => Err(Refusal::InvalidDuration),
        duration if duration > DURATION_MAX => Err(Refusal::InvalidDuration),
        duration => Ok(duration),
    }
}

/// Writes the room, in which somebody has just done something.
fn touch(draft: &mut Draft<'_>, room: Room) {
    let last_activity = draft.now;
    put_room(draft, Room { last_activity, ..room });
}

fn put_room(draft: &mut Draft<'_>, room: Room) {
    draft.put(ItemKey::room(), Item::Room(room));
}

fn put_member(draft: &mut Draft<'_>, member: Member) {
    draft.put(ItemKey::member(&member.id), Item::Member(member));
}

fn room<'d>(draft: &'d Draft<'_>) -> Option<&'d Room> {
    draft.get(&ItemKey::room())?.as_room()
}

fn members<'d>(draft: &'d Draft<'_>) -> impl Iterator<Item = &'d Member> {
    draft.items().filter_map(|(_, item)| item.as_member())
}

fn by_link<'d>(draft: &'d Draft<'_>, link: &LinkId) -> Option<&'d Member> {
    members(draft).find(|member| member.link == *link)
}
