//! What a client has been sent, for its own task and for the task that fans beats out.

use std::sync::Arc;

use engine::{Backlog, DeliveryState, Subscriber, TickContext, TickDelivery};
use net::websocket::{Heartbeat, SocketWriter, WriteResult, frame};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::session::render::ClientView;

/// Writes the ticks of one client.
pub(crate) struct TickSubscriber<V> {
    writer: Arc<SocketWriter>,
    heartbeat: Heartbeat,
    state: Mutex<ClientState<V>>,
    deferred: Notify,
}

/// What a client has been sent, and how it is shown the rest.
pub(crate) struct ClientState<V> {
    pub(crate) delivered: DeliveryState,
    pub(crate) view: V,
}

impl<V: ClientView> TickSubscriber<V> {
    pub(crate) fn new(writer: Arc<SocketWriter>, heartbeat: Heartbeat, view: V) -> Self {
        let state = Mutex::new(ClientState { delivered: DeliveryState::default(), view });
        Self { writer, heartbeat, state, deferred: Notify::new() }
    }

    /// Returns the client's heartbeat.
    pub(crate) fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }

    /// Waits until something was left to the client's own task.
    pub(crate) async fn deferred(&self) {
        self.deferred.notified().await;
    }

    /// Locks what the client has been sent. The caller writes before it releases the lock.
    pub(crate) fn state(&self) -> MutexGuard<'_, ClientState<V>> {
        self.state.lock()
    }

    fn offer(&self, ticks: &[u8]) -> TickDelivery {
        let has_ping = self.heartbeat.count_tick();
        let written = if has_ping {
            self.heartbeat.set_ping_pending(true);
            self.writer.offer(&[ticks, &frame::ping()].concat())
        } else {
            self.writer.offer(ticks)
        };
        match written {
            WriteResult::Written => TickDelivery::Written,
            WriteResult::InFlight => TickDelivery::PartlyWritten,
            WriteResult::Refused => {
                if has_ping {
                    self.heartbeat.set_ping_pending(false);
                }
                TickDelivery::Deferred
            }
        }
    }
}

impl<V: ClientView> Subscriber for TickSubscriber<V> {
    /// Writes the ticks of a beat if the client lacks nothing else and the kernel takes them.
    fn on_tick(&self, context: &mut TickContext) -> TickDelivery {
        // The client's own task is writing, and may have looked before this beat.
        let Some(mut state) = self.state.try_lock() else { return TickDelivery::Deferred };
        let ClientState { delivered, view } = &mut *state;
        let beat = context.beat();
        match delivered.backlog(context.view(), beat) {
            Backlog::None => TickDelivery::Nothing,
            Backlog::More => TickDelivery::Deferred,
            Backlog::LatestBeat => {
                let ticks = view.latest_ticks(context);
                let delivery = if ticks.is_empty() { TickDelivery::Nothing } else { self.offer(ticks) };
                if delivery != TickDelivery::Deferred {
                    delivered.mark_delivered(beat);
                }
                delivery
            }
        }
    }

    fn notify(&self) {
        self.deferred.notify_one();
    }
}
