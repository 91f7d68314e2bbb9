//! Requests of a client about rooms: joining one, leaving it, and operating its countdown. Each runs in a task of its own.

use std::fmt::Display;
use std::sync::Arc;

use engine::{Effect, ExecuteError, MembershipGuard, Outcome, Request};
use timers::room::{Joining, Member, Room, RoomCommand, RoomRefusal};
use timers::{ConnectionId, MemberId, Millis, ResumeSecret, Revision, RoomId, Scope};
use wire::rooms::RoomRequest;
use wire::{Code, Fault};

use crate::node::Node;
use crate::session::fault::fault;
use crate::session::random_ids;
use crate::session::socketio::RequestFuture;
use crate::systems::rooms::membership::{Membership, execute, give_up};

/// The result of a request.
pub(super) enum RoomResult {
    Joined(Result<Membership, Fault>),
    /// A member that was considered gone has joined again.
    Rejoined(Result<Membership, Fault>),
    /// The client leaves, although the store may not have taken it yet.
    Left {
        room: RoomId,
        is_stored: bool,
    },
    /// The revision of a command on the countdown; `None` if it had no effect.
    Operated(Result<Option<Revision>, Fault>),
}

/// A client that wants to join a room.
struct Join {
    room: RoomId,
    kind: JoinKind,
    name: Option<String>,
    resume: Option<ResumeSecret>,
    connection: ConnectionId,
    /// Whether this connection is a member already, whatever the result of this request.
    is_member: bool,
}

#[derive(Clone, Copy, Debug)]
enum JoinKind {
    /// Create the room, with a duration or the default one.
    Create(Option<Millis>),
    /// Join an existing room.
    Existing,
}

/// Returns the future that carries out a request.
///
/// # Errors
/// The fault to answer with.
pub(super) fn begin(
    node: &Arc<Node>,
    membership: Option<&Membership>,
    request: RoomRequest,
) -> Result<RequestFuture, Fault> {
    let (named, command) = match request {
        RoomRequest::Create { duration, name } => {
            let room = RoomId::new(&random_ids::room()).expect("short and printable");
            let (kind, connection) = (JoinKind::Create(duration), new_connection());
            return Ok(join(node, Join { room, kind, name, resume: None, connection, is_member: false }));
        }
        RoomRequest::Join { room, name, resume } => {
            let held = held_connection(membership, &room, resume.as_ref());
            let (is_member, connection) = (held.is_some(), held.unwrap_or_else(new_connection));
            let kind = JoinKind::Existing;
            return Ok(join(node, Join { room, kind, name, resume, connection, is_member }));
        }
        RoomRequest::Leave => return leave(node, membership),
        RoomRequest::Start { room, duration } => (room, RoomCommand::Start(duration)),
        RoomRequest::Pause(room) => (room, RoomCommand::Pause),
        RoomRequest::Resume(room) => (room, RoomCommand::Resume),
        RoomRequest::Reset(room) => (room, RoomCommand::Reset),
        RoomRequest::Adjust { room, by } => (room, RoomCommand::Adjust(by)),
    };
    let membership = membership.filter(|membership| named.is_none_or(|named| named == membership.room));
    let operated = execute_in(node, &membership.ok_or_else(not_joined)?.room, command);
    Ok(boxed(async move {
        RoomResult::Operated(operated.await.map(|outcome| match outcome.effect {
            Effect::Nothing => None,
            Effect::Change(_) | Effect::Repeated => Some(outcome.revision),
        }))
    }))
}

/// Returns the future that lets a member join again that other nodes considered gone.
pub(super) fn rejoin(node: &Arc<Node>, membership: &Membership) -> RequestFuture {
    let join = Join {
        room: membership.room.clone(),
        kind: JoinKind::Existing,
        name: Some(membership.name.clone()),
        resume: Some(membership.secret.clone()),
        connection: membership.connection.clone(),
        is_member: true,
    };
    let node = Arc::clone(node);
    boxed(async move { RoomResult::Rejoined(join.run(node).await) })
}

/// The client has not joined the room, or another one.
pub(super) fn not_joined() -> Fault {
    Fault::of_client(Code::NotJoined, "join this room first")
}

/// The room has ended.
pub(super) fn room_ended() -> Fault {
    RoomRefusal::UnknownRoom.into()
}

/// Returns the connection by which the client is a member of the room, unless it resumes another membership, which must not
/// be mistaken for its own.
fn held_connection(
    membership: Option<&Membership>,
    room: &RoomId,
    resume: Option<&ResumeSecret>,
) -> Option<ConnectionId> {
    let membership = membership.filter(|membership| membership.room == *room)?;
    resume.is_none_or(|resume| *resume == membership.secret).then(|| membership.connection.clone())
}

fn join(node: &Arc<Node>, join: Join) -> RequestFuture {
    let node = Arc::clone(node);
    boxed(async move { RoomResult::Joined(join.run(node).await) })
}

fn leave(node: &Arc<Node>, membership: Option<&Membership>) -> Result<RequestFuture, Fault> {
    let membership = membership.ok_or_else(not_joined)?;
    let room = membership.room.clone();
    let left = execute_in(node, &room, RoomCommand::Leave(membership.connection.clone()));
    Ok(boxed(async move { RoomResult::Left { room, is_stored: left.await.is_ok() } }))
}

fn execute_in(
    node: &Arc<Node>,
    room: &RoomId,
    command: RoomCommand,
) -> impl Future<Output = Result<Outcome, Fault>> + Send + use<> {
    let node = Arc::clone(node);
    let request = Request { scope: Scope::room(room), command: command.into(), id: None };
    async move { execute(&node, request).await.map_err(|failed| fault(&failed, false)) }
}

fn boxed(result: impl Future<Output = RoomResult> + Send + 'static) -> RequestFuture {
    Box::pin(async move { Box::new(result.await) as _ })
}

fn new_connection() -> ConnectionId {
    ConnectionId::new(&random_ids::plain()).expect("short and printable")
}

impl Join {
    /// Joins the room: subscribes to it, records in the store that this node has a member there, and commits. Costs a
    /// subscription, a load and the record if no client of this node is in the room, and a commit.
    async fn run(self, node: Arc<Node>) -> Result<Membership, Fault> {
        let scope = Scope::room(&self.room);
        let subscription = node.join(&scope).await.map_err(|failed| match failed.is_damage() {
            true => Fault::damaged(),
            false => unavailable(failed),
        })?;
        // Clients do not choose ids, so they cannot name a room that is about to be created.
        let is_there = || subscription.snapshot().view.board.get::<Room>(&()).is_some();
        if matches!(self.kind, JoinKind::Existing) && !is_there() {
            return Err(room_ended());
        }
        let guard = node.engine.presence().enter(&scope).await.map_err(unavailable)?;
        let request = Request { scope, command: self.command(&guard).into(), id: None };
        if let Err(failed) = execute(&node, request).await {
            if matches!(failed, ExecuteError::OutcomeUnknown) {
                self.undo(&node, guard);
            }
            return Err(fault(&failed, false));
        }
        let view = subscription.snapshot().view;
        let member = view.board.all::<Member>().find(|member| member.connection == self.connection);
        let Some(Member { id, name, secret, .. }) = member.cloned() else {
            // The view is not current, or another connection has taken the membership over.
            self.undo(&node, guard);
            return Err(Fault::of_service(Code::Unavailable, "the result cannot be shown yet; try again"));
        };
        let Self { room, connection, .. } = self;
        Ok(Membership { room, id, name, secret, connection, guard, subscription, rejoin_at: None })
    }

    fn command(&self, guard: &MembershipGuard) -> RoomCommand {
        let joining = Joining {
            member: MemberId::new(&random_ids::plain()).expect("short and printable"),
            secret: ResumeSecret::new(&random_ids::resume_secret()).expect("short and printable"),
            resume: self.resume.clone(),
            name: self.name.clone(),
            connection: self.connection.clone(),
            node: guard.node().clone(),
        };
        match self.kind {
            JoinKind::Create(duration) => RoomCommand::Create(duration, joining),
            JoinKind::Existing => RoomCommand::Join(joining),
        }
    }

    /// Ensures that a client that was told of a failure is not listed. A client that wanted to resume a membership can
    /// still do so, and one that was a member before still is.
    fn undo(self, node: &Arc<Node>, guard: MembershipGuard) {
        if self.is_member {
            return;
        }
        let command = match self.resume {
            Some(_) => RoomCommand::MarkDisconnected(self.connection),
            None => RoomCommand::Leave(self.connection),
        };
        give_up(node, self.room, command, guard);
    }
}

fn unavailable(error: impl Display) -> Fault {
    tracing::debug!(%error, "a client cannot join a room now");
    Fault::of_service(Code::Unavailable, "the store is unavailable; nothing was done")
}
