//! What a client asks for, seen to in a task of its own.

use std::pin::Pin;
use std::sync::Arc;

use engine::{Made, Outcome, Request};
use timers::room::Command;
use timers::{LinkId, ResumeSecret, Revision, RoomId, Scope, UserId};
use wire::rooms::{Ask, Fault, Token};

use crate::auth::{Claimed, Denied, Identity};
use crate::config::System;
use crate::node::Node;
use crate::rooms::entry::{Entry, Kind, new_link};
use crate::rooms::fault::{fault, not_joined};
use crate::rooms::membership::Membership;
use crate::rooms::patience;

/// The number of the answer that a client waits for.
pub(super) type Ack = Option<i64>;

/// What became of what a client asked for.
pub(super) enum Done {
    Entered(Result<Membership, Fault>),
    /// Who was a member came in again.
    Returned(Result<Membership, Fault>),
    /// The store may not have heard it yet.
    Left {
        room: RoomId,
        told: bool,
    },
    /// The revision that it made; none if it was so already.
    Driven(Result<Option<Revision>, Fault>),
    /// Who the client is that wants to be let in.
    Identified(Result<Identity, Denied>),
    /// Who a fresh token is.
    Refreshed(Result<Identity, Denied>),
}

/// Something that is being seen to.
pub(super) type Errand = Pin<Box<dyn Future<Output = Done> + Send>>;

/// Who asks.
pub(super) struct Asking<'c> {
    pub(super) node: &'c Arc<Node>,
    pub(super) here: Option<&'c Membership>,
    pub(super) by: Option<&'c UserId>,
}

impl Asking<'_> {
    /// Says how it is seen to.
    pub(super) fn errand(&self, ask: Ask) -> Result<Errand, Fault> {
        let (named, command) = match ask {
            Ask::Create { duration, name } => return Ok(self.enter(Entry::create(duration, name, self.by.cloned()))),
            Ask::Join { room, name, resume } => {
                let held = self.held_link(&room, resume.as_ref());
                let (holds, link) = (held.is_some(), held.unwrap_or_else(new_link));
                let by = self.by.cloned();
                return Ok(self.enter(Entry { room, kind: Kind::Join, name, resume, link, holds, by }));
            }
            Ask::Leave => return self.leave(),
            Ask::Auth(Token(token)) => return Ok(self.refresh(token)),
            Ask::Start { room, duration } => (room, Command::Start(duration)),
            Ask::Pause(room) => (room, Command::Pause),
            Ask::Resume(room) => (room, Command::Resume),
            Ask::Reset(room) => (room, Command::Reset),
            Ask::Adjust { room, by } => (room, Command::Adjust(by)),
        };
        let here = self.here.filter(|here| named.is_none_or(|named| named == here.room)).ok_or_else(not_joined)?;
        let driven = self.execute(here.room.clone(), command);
        Ok(Box::pin(async move {
            Done::Driven(driven.await.map(|done| match done.made {
                Made::Nothing => None,
                Made::Change(_) | Made::Repeated => Some(done.revision),
            }))
        }))
    }

    /// Returns the link that it is a member of the room by, unless it takes another membership over, which must not be
    /// mistaken for its own.
    fn held_link(&self, room: &RoomId, resume: Option<&ResumeSecret>) -> Option<LinkId> {
        let here = self.here.filter(|here| here.room == *room)?;
        resume.is_none_or(|resume| *resume == here.secret).then(|| here.link.clone())
    }

    fn enter(&self, entry: Entry) -> Errand {
        let node = Arc::clone(self.node);
        Box::pin(async move { Done::Entered(entry.carry_out(node).await) })
    }

    fn refresh(&self, token: String) -> Errand {
        let (node, claimed) = (Arc::clone(self.node), Claimed::default().with_token(Some(token)));
        Box::pin(async move { Done::Refreshed(node.auth.identify(&claimed, System::Rooms).await) })
    }

    fn leave(&self) -> Result<Errand, Fault> {
        let here = self.here.ok_or_else(not_joined)?;
        let room = here.room.clone();
        let left = self.execute(room.clone(), Command::Leave(here.link.clone()));
        Ok(Box::pin(async move { Done::Left { room, told: left.await.is_ok() } }))
    }

    fn execute(&self, room: RoomId, command: Command) -> impl Future<Output = Result<Outcome, Fault>> + use<> {
        let node = Arc::clone(self.node);
        let command = timers::Command::Room(command);
        let request = Request { scope: Scope::Room(room), command, id: None, by: self.by.cloned() };
        async move {
            let done = patience::execute(&node, request).await;
            done.map_err(|failed| fault(&failed))
        }
    }
}
