//! A member's place in a room, as its connection holds it, and how the place is given up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{ExecuteError, MembershipGuard, Outcome, Request, Subscription};
use timers::room::{Member, Room, RoomCommand};
use timers::{ConnectionId, MemberId, ResumeSecret, RoomId, Scope};
use tokio::time::sleep;

use crate::node::Node;
use crate::session::repeat::repeat_until_stored;

/// How long a command is repeated while its room is busy. A thousand clients can join one room at once, as after the end
/// of a node, which takes some seconds.
const BUSY_RETRY_WITHIN: Duration = Duration::from_secs(15);

/// Pause before a command is repeated in a busy room, in milliseconds.
const BUSY_PAUSE_MS: std::ops::Range<u64> = 20..200;

/// A member's place in a room.
pub(super) struct Membership {
    pub(super) room: RoomId,
    pub(super) id: MemberId,
    pub(super) name: String,
    pub(super) secret: ResumeSecret,
    pub(super) connection: ConnectionId,
    /// Has the member removed if this node dies.
    pub(super) guard: MembershipGuard,
    pub(super) subscription: Subscription,
    /// When the member joins again, after it could not be done.
    pub(super) rejoin_at: Option<Instant>,
}

/// The status of a membership on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MembershipStatus {
    /// The member is on the board, by this connection.
    Member,
    /// The member is on the board, by another connection.
    TakenOver,
    /// The member is not on the board, or marked as disconnected.
    Absent,
    /// The room has ended.
    RoomEnded,
}

impl Membership {
    pub(super) fn status(&self) -> MembershipStatus {
        let view = self.subscription.snapshot().view;
        match view.board.get::<Member>(&self.id) {
            Some(member) if member.connection != self.connection => MembershipStatus::TakenOver,
            // Another node considered this one dead.
            Some(member) if member.disconnected_at.is_some() => MembershipStatus::Absent,
            Some(_) => MembershipStatus::Member,
            None if view.board.get::<Room>(&()).is_some() => MembershipStatus::Absent,
            None => MembershipStatus::RoomEnded,
        }
    }

    /// Tells whether the node still holds the lease under which the member joined.
    pub(super) fn has_lease(&self, node: &Node) -> bool {
        node.engine.presence().name().borrow().as_ref() == Some(self.guard.node())
    }

    /// Removes the member, whatever happens to the connection.
    pub(super) fn leave(self, node: &Arc<Node>) {
        give_up(node, self.room, RoomCommand::Leave(self.connection), self.guard);
    }

    /// Marks the member as disconnected; it can return for a while.
    pub(super) fn mark_disconnected(self, node: &Arc<Node>) {
        give_up(node, self.room, RoomCommand::MarkDisconnected(self.connection), self.guard);
    }
}

/// Carries out a command that ends a membership, and repeats it until the store has taken it. The guard is held meanwhile,
/// so that the membership ends at the latest with this node.
pub(super) fn give_up(node: &Arc<Node>, room: RoomId, command: RoomCommand, guard: MembershipGuard) {
    let of_task = Arc::clone(node);
    node.drain.spawn(async move {
        let request = Request { scope: Scope::room(&room), command: command.into(), id: None };
        repeat_until_stored("membership", || execute(&of_task, request.clone())).await;
        drop(guard);
    });
}

/// Carries out a command, and repeats it while the room is busy. Each client waits for one command at most.
pub(super) async fn execute(node: &Node, request: Request) -> Result<Outcome, ExecuteError> {
    let since = Instant::now();
    loop {
        let result = node.engine.execute(request.clone()).await;
        if !matches!(result, Err(ExecuteError::Busy)) || since.elapsed() > BUSY_RETRY_WITHIN {
            node.metrics.command_done(since.elapsed(), &result);
            return result;
        }
        sleep(Duration::from_millis(fastrand::u64(BUSY_PAUSE_MS))).await;
    }
}
