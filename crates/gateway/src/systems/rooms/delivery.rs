//! What a member has been sent, what it lacks, and the packets that members share.

use std::sync::Arc;

use engine::{Backlog, Delivery, DeliveryState, Subscriber, TickContext, TickDelivery, View};
use net::socketio::EncodedPacket;
use net::websocket::WriteResult;
use parking_lot::{Mutex, MutexGuard};
use timers::{Beat, MemberId, Revision, Timestamp};
use wire::rooms::{Rooms, completion, is_state, joined, state};
use wire::{Code, Dialect, Event, Fault};

use crate::session::socketio::{Ack, Client, Outbox, packet_of};
use crate::systems::rooms::membership::Membership;
use crate::systems::rooms::requests::room_ended;

/// The kinds of packets in the cache of a view.
const DIFF: u8 = 0;
const TICK: u8 = 1;

/// Sends the ticks of one member.
pub(super) struct RoomSubscriber {
    outbox: Arc<Outbox>,
    sent: Mutex<Sent>,
}

/// What a member has been sent.
#[derive(Default)]
pub(super) struct Sent {
    state: DeliveryState,
    /// The last state of the countdown that the member received as a change.
    countdown: Option<CountdownState>,
    /// The last view that the client was shown as an earlier member of the same room.
    before: Option<Arc<View>>,
}

/// One packet to the members of a room.
struct SharedPacket {
    packet: EncodedPacket,
    /// The member that the packet is about, who does not receive it.
    about: Option<MemberId>,
    /// The countdown's state, if the packet carries it.
    countdown: Option<CountdownState>,
}

/// A state of the countdown as members receive it.
#[derive(Clone)]
struct CountdownState {
    revision: Revision,
    payload: Arc<str>,
}

impl RoomSubscriber {
    pub(super) fn new(outbox: &Arc<Outbox>) -> Self {
        Self { outbox: Arc::clone(outbox), sent: Mutex::default() }
    }

    /// Locks what the member has been sent. The caller sends before it releases the lock.
    pub(super) fn sent(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock()
    }
}

impl Subscriber for RoomSubscriber {
    /// Sends the tick of a beat if the member lacks nothing else and there is capacity.
    fn on_tick(&self, context: &mut TickContext) -> TickDelivery {
        // The member's own task is sending, and may have looked before this beat.
        let Some(mut sent) = self.sent.try_lock() else { return TickDelivery::Deferred };
        let beat = context.beat();
        match sent.state.backlog(context.view(), beat) {
            Backlog::None => TickDelivery::Nothing,
            Backlog::More => TickDelivery::Deferred,
            // The member's own task is sending, or waits for capacity.
            Backlog::LatestBeat if !self.outbox.is_empty() => TickDelivery::Deferred,
            Backlog::LatestBeat => {
                let tick = latest_tick(context);
                let delivery = match tick.is_empty() {
                    true => TickDelivery::Nothing,
                    false => match self.outbox.offer_tick(tick) {
                        WriteResult::Written => TickDelivery::Written,
                        WriteResult::InFlight => TickDelivery::PartlyWritten,
                        WriteResult::Refused => return TickDelivery::Deferred,
                    },
                };
                sent.state.mark_delivered(beat);
                delivery
            }
        }
    }

    fn notify(&self) {
        self.outbox.notify();
    }
}

impl Sent {
    /// Forgets what was sent, for another membership.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Forgets what was sent, for another membership in the same room, except what tells whether the client has yet to
    /// learn that the countdown reached zero.
    pub(super) fn restart(&mut self) {
        let before = self.before.take().or_else(|| self.state.seen().cloned());
        *self = Self { before, ..Self::default() };
    }

    /// Sends what a member lacks. A member that has just joined may wait for an acknowledgement.
    pub(super) fn catch_up(&mut self, client: &Client<'_>, membership: &Membership, join_ack: Ack) {
        let Self { state: delivery_state, countdown, before } = self;
        let mut bytes = 0;
        let mut send = |packet: EncodedPacket| {
            bytes += packet.size();
            client.outbox.push(packet);
        };
        let receipt = membership.subscription.catch_up(delivery_state, |delivery| match delivery {
            Delivery::Initial(view) => {
                let greeting = greeting(before, view, &membership.id, client.now());
                let Some(joined) = greeting.first() else {
                    let fault = Fault::of_service(Code::Unavailable, "the membership has ended already; try again");
                    return client.refuse(join_ack, &fault);
                };
                greeting.iter().for_each(|event| send(packet_of(event)));
                client.acknowledge(join_ack, &joined.payload);
            }
            Delivery::Resync { old, new } | Delivery::Diff { old, new } => {
                let packets = diff(old, new, || client.now());
                for shared in packets.iter().filter(|shared| shared.about.as_ref() != Some(&membership.id)) {
                    send(shared.packet.clone());
                    if shared.countdown.is_some() {
                        countdown.clone_from(&shared.countdown);
                    }
                }
            }
            Delivery::Redated(view) => {
                if let Some(state) = state(view.dated(), client.now()) {
                    send(packet_of(&state));
                    let revision = view.board.position.revision;
                    *countdown = Some(CountdownState { revision, payload: state.payload.into() });
                }
            }
            Delivery::Tick(view, beat) => tick(view, beat).into_iter().for_each(|tick| client.outbox.push_tick(tick)),
        });
        receipt.written(bytes);
    }

    /// Answers a command on the countdown: with the state that all members received of it, or with the current state if
    /// the command had no effect.
    pub(super) fn answer(&self, client: &Client<'_>, membership: &Membership, ack: Ack, made: Option<Revision>) {
        let sent = self.countdown.as_ref().filter(|state| made.is_some_and(|made| made <= state.revision));
        if let Some(sent) = sent {
            return client.acknowledge(ack, &sent.payload);
        }
        match state(membership.subscription.snapshot().view.dated(), client.now()) {
            Some(state) => {
                client.send(&state);
                client.acknowledge(ack, &state.payload);
            }
            None => client.refuse(ack, &room_ended()),
        }
    }
}

/// Returns the events to a member that has just joined: `session:joined`, zero if the countdown reached it since the client
/// was shown the view `before` as an earlier member, and the state; none if it is no member any more.
fn greeting(before: &mut Option<Arc<View>>, view: &View, member: &MemberId, now: Timestamp) -> Vec<Event> {
    let Some(joined) = joined(view.dated(), member, now) else { return Vec::new() };
    let mut events = vec![joined];
    if let Some(before) = before.take() {
        completion(before.dated(), view.dated(), |event| events.push(event));
    }
    events.extend(state(view.dated(), now));
    events
}

/// Returns the packets of a change, rendered once for all members.
fn diff(old: &View, new: &View, now: impl Fn() -> Timestamp) -> Arc<[SharedPacket]> {
    new.frames.get::<Rooms, _>(DIFF, old.board.position.tag.0, || {
        let mut packets = Vec::new();
        Rooms::diff(old.dated(), new.dated(), now(), |event| {
            let packet = packet_of(&event);
            let revision = new.board.position.revision;
            let countdown = is_state(&event).then(|| CountdownState { revision, payload: event.payload.into() });
            packets.push(SharedPacket { packet, about: event.about, countdown });
        });
        packets.into()
    })
}

/// Returns the tick of the latest beat, as a frame; empty if the countdown does not run.
fn latest_tick(context: &mut TickContext) -> &[u8] {
    context.buffer::<Rooms>(0, |buffer, view, beat| {
        Rooms::ticks(view.dated(), view.dated_beat(beat), |event| {
            buffer.bytes_mut().extend_from_slice(packet_of(&event).frame());
        });
    })
}

/// Returns the tick of a beat, rendered once for all members; `None` if the countdown does not run.
fn tick(view: &View, beat: Beat) -> Option<EncodedPacket> {
    view.frames.get::<Rooms, _>(TICK, beat.0, || {
        let mut tick = None;
        Rooms::ticks(view.dated(), view.dated_beat(beat), |event| tick = Some(packet_of(&event)));
        tick
    })
}

#[cfg(test)]
mod tests {
    use engine::{Dependencies, Engine, MemoryStore, Options, Request, StoreClock};
    use timers::room::{Joining, RoomCommand};
    use timers::{ConnectionId, Millis, NodeId, ResumeSecret, RoomId, Scope};

    use super::*;

    fn joining(member: &str) -> Joining {
        Joining {
            member: MemberId::new(member).unwrap(),
            secret: ResumeSecret::new(member).unwrap(),
            resume: None,
            name: None,
            connection: ConnectionId::new(member).unwrap(),
            node: NodeId::new("n").unwrap(),
        }
    }

    async fn execute(engine: &Engine, command: RoomCommand) {
        let scope = Scope::room(&RoomId::new("r").unwrap());
        engine.execute(Request { scope, command: command.into(), id: None }).await.unwrap();
    }

    #[tokio::test]
    async fn a_member_that_joins_again_learns_once_that_the_countdown_ended_since_it_was_shown_one() {
        let clock = StoreClock::new();
        let connected = MemoryStore::new(move || clock.now()).connect();
        let connected = engine::store::Connected { store: connected.store as _, signals: connected.signals };
        let engine = Engine::start(connected, Options::new("n"), Dependencies::default());
        execute(&engine, RoomCommand::Create(None, joining("old"))).await;
        execute(&engine, RoomCommand::Start(Some(Millis(60_000)))).await;
        let subscription = engine.hub().join(&Scope::room(&RoomId::new("r").unwrap())).await.unwrap();
        let (mut again, mut elsewhere, mut is_new) = (Sent::default(), Sent::default(), Sent::default());
        for sent in [&mut again, &mut elsewhere] {
            subscription.catch_up(&mut sent.state, |_| {}).written(0);
        }
        // The countdown ends, and the member is removed and joins again, before anything is shown of it.
        execute(&engine, RoomCommand::Adjust(-60_000)).await;
        execute(&engine, RoomCommand::Leave(ConnectionId::new("old").unwrap())).await;
        execute(&engine, RoomCommand::Join(joining("new"))).await;
        let view = subscription.snapshot().view;
        let names = |sent: &mut Sent, member: &str| -> Vec<&'static str> {
            let member = MemberId::new(member).unwrap();
            greeting(&mut sent.before, &view, &member, Timestamp(0)).iter().map(|event| event.name).collect()
        };
        again.restart();
        assert_eq!(names(&mut again, "old"), [""; 0], "the old membership is over");
        // The attempt to greet the old member has shown the view.
        subscription.catch_up(&mut again.state, |_| {}).written(0);
        again.restart();
        let with_zero = ["session:joined", "timer:tick", "timer:completed", "timer:state"];
        assert_eq!(names(&mut again, "new"), with_zero);
        subscription.catch_up(&mut again.state, |_| {}).written(0);
        again.restart();
        for sent in [&mut again, &mut elsewhere, &mut is_new] {
            if sent.before.is_none() {
                sent.reset();
            }
            assert_eq!(names(sent, "new"), ["session:joined", "timer:state"]);
        }
        engine.stop().await;
    }
}
