//! The rules of rooms.

use std::collections::BTreeSet;

use crate::command::CommandId;
use crate::draft::Draft;
use crate::history::StoredRows;
use crate::ids::{ConnectionId, MemberId, NodeId};
use crate::room::command::{Joining, RoomCommand};
use crate::room::countdown::{ADJUST_MAX, CountdownPhase, DURATION_DEFAULT, DURATION_MAX, Room};
use crate::room::limits::RoomLimits;
use crate::room::member::Member;
use crate::room::refusal::RoomRefusal;
use crate::scope::Scope;
use crate::system::{ItemType, System};
use crate::time::{Millis, Timestamp};

/// The rules of rooms.
#[derive(Clone, Copy, Debug)]
pub struct RoomRules;

impl System for RoomRules {
    type Command = RoomCommand;
    type Refusal = RoomRefusal;
    type Limits = RoomLimits;

    fn command_name(command: &RoomCommand) -> &'static str {
        command.name()
    }

    /// Carries out what is due in the order of the instants, each dated at its own: members that did not return leave,
    /// the countdown reaches zero, and a room that was empty for long enough ends.
    fn settle(draft: &mut Draft<'_>) {
        let Some(mut room) = room(draft).cloned() else { return };
        let mut members_left = members(draft).count();
        let mut expired = expired_members(draft).into_iter().peekable();
        loop {
            let own = room.deadline(draft.limits).filter(|at| *at <= draft.now);
            match (own, expired.peek()) {
                (None, None) => break,
                // The countdown comes first of what is due at one instant.
                (Some(at), next) if room.is_running() && next.is_none_or(|(expires_at, _)| at <= *expires_at) => {
                    room = completed(room, at);
                }
                (Some(at), next) if next.is_none_or(|(expires_at, _)| at < *expires_at) => {
                    if !draft.has_capacity() {
                        break;
                    }
                    draft.remove::<Room>(&());
                    return;
                }
                (_, _) => {
                    if !draft.has_capacity() {
                        break;
                    }
                    let Some((at, member)) = expired.next() else { break };
                    draft.remove::<Member>(&member);
                    members_left -= 1;
                    room = without_member(room, members_left, at);
                }
            }
        }
        draft.put(room);
    }

    fn remove_node(scope: &Scope, node: &NodeId, _: Timestamp) -> Option<RoomCommand> {
        scope.as_room().map(|_| RoomCommand::RemoveNodeMembers(node.clone()))
    }

    fn apply(draft: &mut Draft<'_>, _: &StoredRows, command: &RoomCommand, _: CommandId) -> Result<(), RoomRefusal> {
        if let RoomCommand::Create(duration, joining) = command {
            return create(draft, *duration, joining);
        }
        let room = room(draft).cloned().ok_or(RoomRefusal::UnknownRoom)?;
        match command {
            RoomCommand::Create(..) => return Err(RoomRefusal::RoomTaken),
            RoomCommand::Join(joining) => join(draft, room, joining)?,
            RoomCommand::Leave(connection) => leave(draft, room, connection),
            RoomCommand::MarkDisconnected(connection) => mark_disconnected(draft, connection),
            RoomCommand::RemoveNodeMembers(node) => remove_node_members(draft, room, node),
            RoomCommand::Start(duration) => start(draft, room, *duration)?,
            RoomCommand::Pause => pause(draft, room),
            RoomCommand::Resume => resume(draft, room),
            RoomCommand::Reset => reset(draft, room),
            RoomCommand::Adjust(by) => adjust(draft, room, *by)?,
        }
        Ok(())
    }
}

/// Returns the disconnected members that did not return in time, in the order in which they leave.
fn expired_members(draft: &Draft<'_>) -> BTreeSet<(Timestamp, MemberId)> {
    let expires_at = |member: &Member| member.deadline(draft.limits).filter(|at| *at <= draft.now);
    members(draft).filter_map(|member| Some((expires_at(member)?, member.id.clone()))).collect()
}

fn create(draft: &mut Draft<'_>, duration: Option<Millis>, joining: &Joining) -> Result<(), RoomRefusal> {
    // An item that a newer version stored here is not a room to this version, and must not be overwritten.
    if draft.item::<Room>(&()).is_some() {
        return Err(RoomRefusal::RoomTaken);
    }
    let room = Room {
        created: draft.now,
        last_activity: draft.now,
        duration: checked(duration.unwrap_or(DURATION_DEFAULT))?,
        started_at: None,
        phase: CountdownPhase::Idle,
        completed_at: None,
        empty_since: None,
        unknown_fields: Vec::new(),
    };
    join(draft, room, joining)
}

fn join(draft: &mut Draft<'_>, mut room: Room, joining: &Joining) -> Result<(), RoomRefusal> {
    let resumed = members(draft).find(|member| Some(&member.secret) == joining.resume.as_ref());
    if let Some(resumed) = resumed.cloned() {
        let (connection, node) = (joining.connection.clone(), joining.node.clone());
        draft.put(Member { connection, node, disconnected_at: None, ..resumed });
        return Ok(());
    }
    if by_connection(draft, &joining.connection).is_some() {
        return Ok(());
    }
    let members_max = draft.limits.room.members;
    if members(draft).count() >= members_max {
        return Err(RoomRefusal::RoomFull(members_max));
    }
    draft.put(Member {
        id: joining.member.clone(),
        name: name(draft, joining)?,
        connected_at: draft.now,
        secret: joining.secret.clone(),
        connection: joining.connection.clone(),
        node: joining.node.clone(),
        disconnected_at: None,
        unknown_fields: Vec::new(),
    });
    room.empty_since = None;
    put_active(draft, room);
    Ok(())
}

/// Returns the given name, or "User" and the lowest free number.
fn name(draft: &Draft<'_>, joining: &Joining) -> Result<String, RoomRefusal> {
    let chars_max = draft.limits.room.name_chars;
    match &joining.name {
        Some(name) if name.chars().count() > chars_max => Err(RoomRefusal::NameTooLong(chars_max)),
        Some(name) => Ok(name.clone()),
        None => {
            let numbers: BTreeSet<usize> =
                members(draft).filter_map(|member| member.name.strip_prefix("User ")?.parse().ok()).collect();
            let free = (1..).find(|number| !numbers.contains(number)).unwrap_or(usize::MAX);
            Ok(format!("User {free}"))
        }
    }
}

fn leave(draft: &mut Draft<'_>, room: Room, connection: &ConnectionId) {
    if let Some(id) = by_connection(draft, connection).map(|member| member.id.clone()) {
        draft.remove::<Member>(&id);
        let room = without_member(room, members(draft).count(), draft.now);
        draft.put(room);
    }
}

fn mark_disconnected(draft: &mut Draft<'_>, connection: &ConnectionId) {
    if let Some(member) = by_connection(draft, connection).filter(|member| member.disconnected_at.is_none()) {
        let member = Member { disconnected_at: Some(draft.now), ..member.clone() };
        draft.put(member);
    }
}

fn remove_node_members(draft: &mut Draft<'_>, room: Room, node: &NodeId) {
    let of_node: Vec<MemberId> =
        members(draft).filter(|member| member.node == *node).map(|member| member.id.clone()).collect();
    if of_node.is_empty() {
        return;
    }
    of_node.iter().for_each(|id| draft.remove::<Member>(id));
    let room = without_member(room, members(draft).count(), draft.now);
    draft.put(room);
}

/// Returns the room after a member has left it.
fn without_member(mut room: Room, members_left: usize, at: Timestamp) -> Room {
    room.last_activity = room.last_activity.max(at);
    if members_left == 0 {
        room.empty_since = Some(at);
    }
    room
}

fn start(draft: &mut Draft<'_>, mut room: Room, duration: Option<Millis>) -> Result<(), RoomRefusal> {
    room.duration = checked(duration.unwrap_or(room.duration))?;
    room.started_at = Some(draft.now);
    room.phase = CountdownPhase::Running { since: draft.now, ends_at: draft.now + room.duration };
    put_active(draft, room);
    Ok(())
}

fn pause(draft: &mut Draft<'_>, mut room: Room) {
    if room.is_running() {
        room.phase = CountdownPhase::Paused { at: draft.now, remaining: room.remaining_at(draft.now) };
        put_active(draft, room);
    }
}

fn resume(draft: &mut Draft<'_>, mut room: Room) {
    if let CountdownPhase::Paused { remaining, .. } = room.phase {
        room.phase = CountdownPhase::Running { since: draft.now, ends_at: draft.now + remaining };
        put_active(draft, room);
    }
}

fn reset(draft: &mut Draft<'_>, mut room: Room) {
    if room.phase != CountdownPhase::Idle {
        room.phase = CountdownPhase::Idle;
        put_active(draft, room);
    }
}

fn adjust(draft: &mut Draft<'_>, mut room: Room, by: i64) -> Result<(), RoomRefusal> {
    if by.unsigned_abs() > ADJUST_MAX.0 {
        return Err(RoomRefusal::InvalidSeconds);
    }
    let remaining = Millis(room.remaining_at(draft.now).0.saturating_add_signed(by));
    if remaining > DURATION_MAX {
        return Err(RoomRefusal::InvalidSeconds);
    }
    let phase = match room.phase {
        CountdownPhase::Idle => CountdownPhase::Idle,
        CountdownPhase::Running { since, .. } => CountdownPhase::Running { since, ends_at: draft.now + remaining },
        CountdownPhase::Paused { at, .. } => CountdownPhase::Paused { at, remaining },
    };
    if phase != room.phase {
        room.phase = phase;
        if remaining == Millis(0) {
            room = completed(room, draft.now);
        }
        put_active(draft, room);
    }
    Ok(())
}

fn completed(room: Room, at: Timestamp) -> Room {
    Room { phase: CountdownPhase::Idle, completed_at: Some(at), ..room }
}

fn checked(duration: Millis) -> Result<Millis, RoomRefusal> {
    match duration {
        Millis(0) => Err(RoomRefusal::InvalidDuration),
        duration if duration > DURATION_MAX => Err(RoomRefusal::InvalidDuration),
        duration => Ok(duration),
    }
}

/// Writes the room after a member has operated it.
fn put_active(draft: &mut Draft<'_>, room: Room) {
    let last_activity = draft.now;
    draft.put(Room { last_activity, ..room });
}

fn room<'d>(draft: &'d Draft<'_>) -> Option<&'d Room> {
    draft.get::<Room>(&())
}

fn members<'d>(draft: &'d Draft<'_>) -> impl Iterator<Item = &'d Member> {
    draft.all::<Member>()
}

fn by_connection<'d>(draft: &'d Draft<'_>, connection: &ConnectionId) -> Option<&'d Member> {
    members(draft).find(|member| member.connection == *connection)
}
