//! A member's place in a room, as its connection holds it, and how it is given up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{ExecuteError, Feed, Place, Request};
use timers::room::Command;
use timers::{LinkId, MemberId, ResumeSecret, RoomId, Scope};
use tokio::time::sleep;

use crate::node::Node;
use crate::rooms::patience;

/// About how long it takes until the store is told again that a member is gone: not all at once.
const TELL_AGAIN: Duration = Duration::from_secs(1);

/// A member's place in a room.
pub(super) struct Membership {
    pub(super) room: RoomId,
    pub(super) id: MemberId,
    pub(super) name: String,
    pub(super) secret: ResumeSecret,
    pub(super) link: LinkId,
    /// Has the member leave when this node dies.
    pub(super) place: Place,
    pub(super) feed: Feed,
    /// When it is to come in again, since that could not be done before.
    pub(super) come_again_at: Option<Instant>,
}

/// How the others see the member now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// There.
    Member,
    /// There, by another connection.
    TakenOver,
    /// Not there.
    Absent,
    /// There is no such room any more.
    Ended,
}

impl Membership {
    pub(super) fn standing(&self) -> Standing {
        let view = self.feed.shown().view;
        match view.board.member(&self.id) {
            Some(member) if member.link != self.link => Standing::TakenOver,
            // Somebody took it for lost.
            Some(member) if member.lost_at.is_some() => Standing::Absent,
            Some(_) => Standing::Member,
            None if view.board.room().is_some() => Standing::Absent,
            None => Standing::Ended,
        }
    }

    /// Tells whether the node still has it under the name that it had then.
    pub(super) fn is_held(&self, node: &Node) -> bool {
        node.engine.presence().name().borrow().as_ref() == Some(self.place.node())
    }

    /// Has it left, whatever becomes of the connection.
    pub(super) fn leave(self, node: &Arc<Node>) {
        give_up(node, self.room, Command::Leave(self.link), self.place);
    }

    /// Has it lost: the member may come back for a while.
    pub(super) fn lose(self, node: &Arc<Node>) {
        give_up(node, self.room, Command::Lose(self.link), self.place);
    }
}

/// Tells the store of somebody's end until it has heard. They keep their place for so long, so that they end at the
/// latest with this node.
pub(super) fn give_up(node: &Arc<Node>, room: RoomId, command: Command, place: Place) {
    let of_task = Arc::clone(node);
    node.drain.spawn(async move {
        let request = Request { scope: Scope::Room(room), command: timers::Command::Room(command), id: None, by: None };
        loop {
            match patience::execute(&of_task, request.clone()).await {
                Ok(_) | Err(ExecuteError::Refused(_) | ExecuteError::Damaged(_)) => break,
                Err(error) => tracing::debug!(%error, "a member that is gone can't be told of yet"),
            }
            sleep(TELL_AGAIN.mul_f64(0.5 + fastrand::f64())).await;
        }
        drop(place);
    });
}
