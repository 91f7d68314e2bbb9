//! What a member has been sent, what it lacks, and the packets that members share.

use std::sync::Arc;

use engine::{Backlog, Delivery, DeliveryState, Subscriber, TickContext, TickDelivery, View};
use net::socketio::Str;
use parking_lot::{Mutex, MutexGuard};
use timers::{Beat, MemberId, Revision, Timestamp};
use wire::rooms::{Rooms, is_state, joined, state};
use wire::{Code, Dialect, Fault};

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
}

/// One packet to the members of a room.
struct SharedPacket {
    packet: Str,
    /// The member that the packet is about, who does not receive it.
    about: Option<MemberId>,
    /// The countdown's state, if the packet carries it.
    countdown: Option<CountdownState>,
}

/// A state of the countdown as members receive it.
#[derive(Clone)]
struct CountdownState {
    revision: Revision,
    payload: Str,
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
                let delivery = match tick(context.view(), beat).map(|tick| self.outbox.offer(tick)) {
                    None => TickDelivery::Nothing,
                    Some(true) => TickDelivery::Written,
                    Some(false) => return TickDelivery::Deferred,
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

    /// Sends what a member lacks. A member that has just joined may wait for an acknowledgement.
    pub(super) fn catch_up(&mut self, client: &Client<'_>, membership: &Membership, join_ack: Ack) {
        let Self { state: delivery_state, countdown } = self;
        let mut bytes = 0;
        let mut send = |packet: Str| {
            bytes += packet.len();
            client.outbox.push(packet);
        };
        let receipt = membership.subscription.catch_up(delivery_state, |delivery| match delivery {
            Delivery::Initial(view) => {
                let now = client.now();
                let Some(joined) = joined(&view.board, &membership.id, now) else {
                    let fault = Fault::of_service(Code::Unavailable, "the membership has ended already; try again");
                    return client.refuse(join_ack, &fault);
                };
                send(packet_of(&joined));
                if let Some(state) = state(&view.board, now) {
                    send(packet_of(&state));
                }
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
        match state(&membership.subscription.snapshot().view.board, client.now()) {
            Some(state) => {
                client.send(&state);
                client.acknowledge(ack, &state.payload);
            }
            None => client.refuse(ack, &room_ended()),
        }
    }
}

/// Returns the packets of a change, rendered once for all members.
fn diff(old: &View, new: &View, now: impl Fn() -> Timestamp) -> Arc<[SharedPacket]> {
    new.frames.get::<Rooms, _>(DIFF, old.board.position.tag.0, || {
        let mut packets = Vec::new();
        Rooms::diff(&old.board, &new.board, now(), |event| {
            let packet = packet_of(&event);
            let revision = new.board.position.revision;
            let countdown = is_state(&event).then(|| CountdownState { revision, payload: event.payload.into() });
            packets.push(SharedPacket { packet, about: event.about, countdown });
        });
        packets.into()
    })
}

/// Returns the tick of a beat, rendered once for all members; `None` if the countdown does not run.
fn tick(view: &View, beat: Beat) -> Option<Str> {
    view.frames.get::<Rooms, _>(TICK, beat.0, || {
        let mut tick = None;
        Rooms::ticks(&view.board, beat, |event| tick = Some(packet_of(&event)));
        tick
    })
}
