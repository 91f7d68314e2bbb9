//! Rooms' part of a Socket.IO connection: the client's membership, from joining to leaving.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Subscriber, Subscription};
use timers::NodeId;
use tokio::sync::watch;
use wire::rooms::{EVENTS, Rooms, left};
use wire::{ClientMessage, Code, Dialect, Fault, Rejected, Request};

use crate::node::Node;
use crate::session::socketio::{Ack, Begun, Client, EventHandler, Outbox, RequestFuture, RequestResult};
use crate::systems::System;
use crate::systems::rooms::delivery::RoomSubscriber;
use crate::systems::rooms::membership::{Membership, MembershipStatus};
use crate::systems::rooms::requests::{self, RoomResult, room_ended};

/// Pause before a member that could not join again tries once more.
const REJOIN_PAUSE: Duration = Duration::from_secs(1);

/// Rooms' part of a connection.
pub(super) struct RoomHandler {
    membership: Option<Membership>,
    subscriber: Arc<RoomSubscriber>,
    /// The name under which this node has members.
    node_name: watch::Receiver<Option<NodeId>>,
    /// The request in progress lets a member join again.
    is_rejoining: bool,
}

impl RoomHandler {
    pub(super) fn new(node: &Node, outbox: &Arc<Outbox>) -> Self {
        Self {
            membership: None,
            subscriber: Arc::new(RoomSubscriber::new(outbox)),
            node_name: node.engine.presence().name(),
            is_rejoining: false,
        }
    }

    /// Takes a new membership; returns the one before.
    fn attach(&mut self, new: Membership) -> Option<Membership> {
        let room = new.room.clone();
        let old = self.membership.replace(new);
        match &old {
            Some(old) if old.room == room => self.subscriber.sent().restart(),
            Some(_) | None => self.subscriber.sent().reset(),
        }
        if let Some(membership) = &mut self.membership {
            membership.subscription.subscribe(Arc::clone(&self.subscriber) as Arc<dyn Subscriber>);
        }
        old
    }

    fn joined(&mut self, client: &Client<'_>, ack: Ack, new: Membership) {
        let (room, connection) = (new.room.clone(), new.connection.clone());
        let old = self.attach(new);
        if let Some(old) = old.filter(|old| old.room != room || old.connection != connection) {
            old.leave(client.node);
        }
        self.catch_up(client, ack);
    }

    /// Continues as the member that other nodes considered gone, or as a new one if it was removed.
    fn rejoined(&mut self, client: &Client<'_>, new: Membership) {
        match &mut self.membership {
            Some(membership) if membership.id == new.id => membership.guard = new.guard,
            Some(_) | None => {
                self.attach(new);
                self.catch_up(client, None);
            }
        }
    }

    fn lose_room(&mut self, client: &Client<'_>, fault: &Fault) {
        self.membership = None;
        client.fail(None, fault);
    }

    /// Sends what the client lacks. A member that joins again under a new id receives that first, and never its own
    /// `session:user-joined`.
    fn catch_up(&self, client: &Client<'_>, join_ack: Ack) {
        let is_settled = |here: &&Membership| !self.is_rejoining || here.status() == MembershipStatus::Member;
        if let Some(membership) = self.membership.as_ref().filter(is_settled) {
            self.subscriber.sent().catch_up(client, membership, join_ack);
        }
    }
}

impl EventHandler for RoomHandler {
    fn system(&self) -> System {
        System::Rooms
    }

    fn dialect(&self) -> &'static str {
        Rooms::NAME
    }

    fn events(&self) -> &'static [&'static str] {
        EVENTS
    }

    fn begin(&mut self, client: &Client<'_>, event: &str, payload: Option<&str>) -> Result<Begun, Fault> {
        let ClientMessage { traceparent, request, .. } =
            Rooms::parse((event, payload)).map_err(|Rejected { fault, .. }| fault)?;
        let Request::System(request) = request else {
            return Err(Fault::of_client(Code::UnknownType, "this event is not about a room"));
        };
        let request = requests::begin(client.node, self.membership.as_ref(), request)?;
        Ok(Begun { traceparent, request })
    }

    fn complete(&mut self, client: &Client<'_>, ack: Ack, result: RequestResult) {
        self.is_rejoining = false;
        let Ok(result) = result.downcast::<RoomResult>() else { return };
        match *result {
            RoomResult::Joined(Ok(new)) => self.joined(client, ack, new),
            RoomResult::Rejoined(Ok(new)) => self.rejoined(client, new),
            RoomResult::Rejoined(Err(fault)) if keeps_membership(&fault) => {
                if let Some(membership) = &mut self.membership {
                    membership.rejoin_at = Some(Instant::now() + REJOIN_PAUSE);
                }
            }
            RoomResult::Rejoined(Err(fault)) => self.lose_room(client, &fault),
            RoomResult::Left { room, is_stored } => {
                // A client that wants to leave does, and the store is told when it is available.
                if let Some(membership) = self.membership.take().filter(|_| !is_stored) {
                    membership.leave(client.node);
                }
                client.acknowledge(ack, &left(&room));
            }
            RoomResult::Operated(Ok(revision)) => {
                self.catch_up(client, None);
                if let Some(membership) = &self.membership {
                    self.subscriber.sent().answer(client, membership, ack, revision);
                }
            }
            RoomResult::Joined(Err(fault)) | RoomResult::Operated(Err(fault)) => {
                self.catch_up(client, None);
                client.fail(ack, &fault);
            }
        }
    }

    fn fail(&mut self, client: &Client<'_>, ack: Ack, fault: &Fault) {
        self.is_rejoining = false;
        self.catch_up(client, None);
        client.fail(ack, fault);
    }

    fn deliver(&mut self, client: &Client<'_>, force: bool) {
        if force || client.outbox.is_empty() {
            self.catch_up(client, None);
        }
    }

    /// Checks that the client is still a member, and lets it join again if another node considered it gone.
    fn check(&mut self, client: &Client<'_>) -> Option<RequestFuture> {
        let membership = self.membership.as_mut()?;
        match membership.status() {
            MembershipStatus::Member if membership.has_lease(client.node) => {
                membership.rejoin_at = None;
                None
            }
            MembershipStatus::TakenOver => {
                self.lose_room(client, &taken_over());
                None
            }
            MembershipStatus::RoomEnded => {
                self.lose_room(client, &room_ended());
                None
            }
            MembershipStatus::Member | MembershipStatus::Absent => {
                if membership.rejoin_at.is_some_and(|at| at > Instant::now()) {
                    return None;
                }
                membership.rejoin_at = None;
                let request = requests::rejoin(client.node, membership);
                self.is_rejoining = true;
                Some(request)
            }
        }
    }

    fn check_at(&self) -> Option<Instant> {
        self.membership.as_ref().and_then(|membership| membership.rejoin_at)
    }

    fn changed(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            // The sender lives as long as the engine.
            if self.node_name.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }

    fn subscription(&self) -> Option<&Subscription> {
        self.membership.as_ref().map(|membership| &membership.subscription)
    }

    fn leave(&mut self, node: &Arc<Node>) {
        if let Some(membership) = self.membership.take() {
            membership.leave(node);
        }
    }

    fn disconnected(&mut self, node: &Arc<Node>) {
        if let Some(membership) = self.membership.take() {
            membership.mark_disconnected(node);
        }
    }

    fn abandoned(&self, node: &Arc<Node>, result: RequestResult) {
        if let Ok(result) = result.downcast::<RoomResult>()
            && let RoomResult::Joined(Ok(new)) | RoomResult::Rejoined(Ok(new)) = *result
        {
            new.mark_disconnected(node);
        }
    }
}

/// Another connection has resumed this membership.
fn taken_over() -> Fault {
    Fault::of_client(Code::NotJoined, "another connection has taken this membership over")
}

/// Tells whether a rejoin that failed is repeated. The member stays one meanwhile: nothing says that it is not.
fn keeps_membership(fault: &Fault) -> bool {
    matches!(fault.code, Code::Busy | Code::Unavailable | Code::Damaged | Code::OutcomeUnknown)
}

#[cfg(test)]
mod tests {
    use engine::ExecuteError;
    use engine::store::FaultKind;
    use timers::Refusal;
    use timers::room::RoomRefusal;

    use super::*;
    use crate::session::fault::fault;

    #[test]
    fn only_a_refusal_ends_a_membership_that_is_resumed() {
        let unavailable = engine::store::Fault::new(FaultKind::Unavailable, "no connection");
        let damaged = engine::store::Fault::new(FaultKind::Damaged, "WRONGTYPE");
        let transient = [
            ExecuteError::OutcomeUnknown,
            ExecuteError::Busy,
            ExecuteError::Unavailable(unavailable),
            ExecuteError::Unavailable(damaged),
        ];
        for failed in transient {
            assert!(keeps_membership(&fault(&failed, false)), "{failed}");
        }
        let refused = ExecuteError::Refused(Refusal::Room(RoomRefusal::UnknownRoom));
        assert!(!keeps_membership(&fault(&refused, false)));
        assert!(!keeps_membership(&taken_over()));
    }
}
