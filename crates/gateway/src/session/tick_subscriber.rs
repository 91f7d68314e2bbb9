//! What a client has been sent, for its own task and for the task that fans beats out.

use std::marker::PhantomData;
use std::sync::Arc;

use engine::{Backlog, DeliveryState, Subscriber, TickContext, TickDelivery};
use net::websocket::{Heartbeat, SocketWriter, WriteResult, frame};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use wire::TextDialect;

use crate::session::render;

/// Writes the ticks of one client.
pub(crate) struct TickSubscriber<D> {
    writer: Arc<SocketWriter>,
    heartbeat: Heartbeat,
    state: Mutex<DeliveryState>,
    deferred: Notify,
    dialect: PhantomData<fn() -> D>,
}

impl<D: TextDialect> TickSubscriber<D> {
    pub(crate) fn new(writer: Arc<SocketWriter>, heartbeat: Heartbeat) -> Self {
        Self { writer, heartbeat, state: Mutex::default(), deferred: Notify::new(), dialect: PhantomData }
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
    pub(crate) fn state(&self) -> MutexGuard<'_, DeliveryState> {
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

impl<D: TextDialect> Subscriber for TickSubscriber<D> {
    /// Writes the ticks of a beat if the client lacks nothing else and the kernel takes them.
    fn on_tick(&self, context: &mut TickContext) -> TickDelivery {
        // The client's own task is writing, and may have looked before this beat.
        let Some(mut state) = self.state.try_lock() else { return TickDelivery::Deferred };
        match state.backlog(context.view(), context.beat()) {
            Backlog::None => TickDelivery::Nothing,
            Backlog::More => TickDelivery::Deferred,
            Backlog::LatestBeat => {
                let ticks = render::latest_ticks::<D>(context);
                let delivery = if ticks.is_empty() { TickDelivery::Nothing } else { self.offer(ticks) };
                if delivery != TickDelivery::Deferred {
                    state.mark_delivered(context.beat());
                }
                delivery
            }
        }
    }

    fn notify(&self) {
        self.deferred.notify_one();
    }
}
