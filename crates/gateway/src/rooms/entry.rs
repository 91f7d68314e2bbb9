//! Coming into a room: listening to it, having the store know that this node has a member there, and the commit.

use std::fmt::Display;
use std::sync::Arc;

use engine::{ExecuteError, Place, Request};
use timers::room::{Command, Joining};
use timers::{LinkId, MemberId, Millis, ResumeSecret, RoomId, Scope, UserId};
use wire::rooms::{Code, Fault};

use crate::node::Node;
use crate::rooms::fault::{ended, fault};
use crate::rooms::membership::{Membership, give_up};
use crate::rooms::{patience, secret};

/// Somebody who wants to come in.
pub(super) struct Entry {
    pub(super) room: RoomId,
    pub(super) kind: Kind,
    pub(super) name: Option<String>,
    pub(super) resume: Option<ResumeSecret>,
    pub(super) link: LinkId,
    /// Whether somebody is a member by this link already, whatever becomes of this.
    pub(super) holds: bool,
    pub(super) by: Option<UserId>,
}

/// What becomes of the room.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// It is made, with a duration if it is not the usual.
    Create(Option<Millis>),
    /// It is there.
    Join,
}

impl Entry {
    /// Makes a room with an id of its own.
    pub(super) fn create(duration: Option<Millis>, name: Option<String>, by: Option<UserId>) -> Self {
        let room = RoomId::new(&secret::room()).expect("short and printable");
        Self { room, kind: Kind::Create(duration), name, resume: None, link: new_link(), holds: false, by }
    }

    /// Has a member come in again that others took for gone.
    pub(super) fn again(here: &Membership, by: Option<UserId>) -> Self {
        Self {
            room: here.room.clone(),
            kind: Kind::Join,
            name: Some(here.name.clone()),
            resume: Some(here.secret.clone()),
            link: here.link.clone(),
            holds: true,
            by,
        }
    }

    /// Carries it out. Costs a subscription and a load where nobody of this node is in the room, and the store's
    /// knowing of that; and a commit.
    pub(super) async fn carry_out(self, node: Arc<Node>) -> Result<Membership, Fault> {
        let scope = Scope::Room(self.room.clone());
        let feed = node.join(&scope).await.map_err(unavailable)?;
        // Ids are not chosen by clients, so a room that a view does not have yet can't be asked for.
        if matches!(self.kind, Kind::Join) && feed.shown().view.board.room().is_none() {
            return Err(ended());
        }
        let place = node.engine.presence().enter(&self.room).await.map_err(unavailable)?;
        let command = self.command(&place);
        let request = Request { scope, command: timers::Command::Room(command), id: None, by: self.by.clone() };
        if let Err(failed) = patience::execute(&node, request).await {
            if matches!(failed, ExecuteError::OutcomeUnknown) {
                self.undo(&node, place);
            }
            return Err(fault(&failed));
        }
        let view = feed.shown().view;
        let Some(member) = view.board.members().find(|member| member.link == self.link).cloned() else {
            // It can't be shown, or another connection has taken over already.
            self.undo(&node, place);
            return Err(Fault::new(Code::Unavailable, "what was done can't be shown yet; try again"));
        };
        let Self { room, link, .. } = self;
        let timers::room::Member { id, name, secret, .. } = member;
        Ok(Membership { room, id, name, secret, link, place, feed, come_again_at: None })
    }

    fn command(&self, place: &Place) -> Command {
        let joining = Joining {
            member: MemberId::new(&secret::id()).expect("short and printable"),
            secret: ResumeSecret::new(&secret::resume()).expect("short and printable"),
            resume: self.resume.clone(),
            name: self.name.clone(),
            link: self.link.clone(),
            node: place.node().clone(),
        };
        match self.kind {
            Kind::Create(duration) => Command::Create(duration, joining),
            Kind::Join => Command::Join(joining),
        }
    }

    /// Sees to it that who was told that it failed is not listed. Who wanted to take a membership over may still do
    /// that, and who was a member before still is.
    fn undo(self, node: &Arc<Node>, place: Place) {
        if self.holds {
            return;
        }
        let undone = match self.resume {
            Some(_) => Command::Lose(self.link),
            None => Command::Leave(self.link),
        };
        give_up(node, self.room, undone, place);
    }
}

/// Makes up the id of a connection to a room.
pub(super) fn new_link() -> LinkId {
    LinkId::new(&secret::id()).expect("short and printable")
}

fn unavailable(why: impl Display) -> Fault {
    tracing::debug!(%why, "somebody can't come into a room now");
    Fault::new(Code::Unavailable, "the store is away; nothing was done")
}
