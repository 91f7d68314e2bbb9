//! The publish point of a scope: its latest snapshot, and its subscribers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;
use timers::Beat;

use crate::hub::tick_buffer::{TickBuffer, TickBuffers};
use crate::hub::view::{Snapshot, View};

/// A listener to a scope. The fan-out task delivers ticks to it directly: waking a task for each of ten thousand
/// listeners costs as much as writing to them.
///
/// Neither method may block, nor join or leave a scope.
pub trait Subscriber: Send + Sync + 'static {
    /// Delivers a tick. A subscriber that cannot take it at once returns [`TickDelivery::Deferred`], and is notified.
    fn on_tick(&self, context: &mut TickContext) -> TickDelivery;

    /// Wakes the subscriber's own task: there is something new to catch up with.
    fn notify(&self);
}

/// The outcome of delivering a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickDelivery {
    /// The tick is written.
    Written,
    /// A part of the tick is written; the subscriber's own task writes the rest.
    PartlyWritten,
    /// There is nothing to write.
    Nothing,
    /// The tick is left to the subscriber's own task.
    Deferred,
}

/// The number of ticks of one beat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ticks {
    /// Ticks that were written.
    pub(crate) sent: u64,
    /// Ticks that were left to the subscribers' own tasks.
    pub(crate) deferred: u64,
}

/// The latest beat of a view, with the bytes that are rendered of it for all subscribers.
pub struct TickContext {
    view: Arc<View>,
    beat: Beat,
    buffers: TickBuffers,
}

impl TickContext {
    /// Returns the view.
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// Returns the beat.
    pub fn beat(&self) -> Beat {
        self.beat
    }

    /// Returns the bytes of a slot of the dialect `D`, and renders them if no subscriber has done so for this beat.
    ///
    /// The dialect's type is a part of the key: two dialects never share bytes.
    pub fn buffer<D: 'static>(&mut self, slot: u8, render: impl FnOnce(&mut TickBuffer, &View, Beat)) -> &[u8] {
        let Self { view, beat, buffers } = self;
        buffers.get::<D>(slot, *beat, |buffer| render(buffer, view, *beat))
    }
}

/// The publish point of a scope.
///
/// Lock order: subscribers, then snapshot.
#[derive(Default)]
pub(crate) struct Broadcast {
    snapshot: Mutex<Option<Snapshot>>,
    subscribers: Mutex<Subscribers>,
    /// All subscribers are to be notified.
    is_notification_pending: AtomicBool,
}

#[derive(Default)]
struct Subscribers {
    list: SmallVec<[Arc<dyn Subscriber>; 1]>,
    context: Option<TickContext>,
}

impl Subscribers {
    /// Moves the context to the snapshot's beat, and to its view if that is another one.
    fn update_context(&mut self, snapshot: &Snapshot) {
        match &mut self.context {
            Some(context) if Arc::ptr_eq(&context.view, &snapshot.view) => context.beat = snapshot.beat,
            _ => {
                let Snapshot { view, beat, .. } = snapshot;
                self.context =
                    Some(TickContext { view: Arc::clone(view), beat: *beat, buffers: TickBuffers::default() });
            }
        }
    }
}

impl Broadcast {
    pub(crate) fn subscribe(&self, subscriber: Arc<dyn Subscriber>) {
        self.with_subscribers(|subscribers| subscribers.list.push(subscriber));
    }

    /// Removes one of the entries of a subscriber.
    pub(crate) fn unsubscribe(&self, subscriber: &Arc<dyn Subscriber>) {
        self.with_subscribers(|subscribers| {
            if let Some(at) = subscribers.list.iter().position(|other| Arc::ptr_eq(other, subscriber)) {
                subscribers.list.swap_remove(at);
            }
        });
    }

    /// Returns the latest snapshot, locked.
    pub(crate) fn snapshot(&self) -> MutexGuard<'_, Option<Snapshot>> {
        self.snapshot.lock()
    }

    /// Publishes another view. `view` runs under the lock that beats take, and reads the last beat there, so that no
    /// beat falls between two views.
    pub(crate) fn publish(&self, view: impl FnOnce() -> View) {
        {
            let mut snapshot = self.snapshot();
            let view = Arc::new(view());
            match &mut *snapshot {
                Some(snapshot) => snapshot.replace(view),
                None => *snapshot = Some(Snapshot::first(view)),
            }
        }
        self.notify_all();
    }

    /// Delivers the last beat to all subscribers, if anything ticks at it. `last_beat` runs under the lock that new
    /// views take.
    pub(crate) fn publish_beat(&self, last_beat: impl FnOnce() -> Beat) -> Ticks {
        self.with_subscribers(|subscribers| {
            {
                let mut snapshot = self.snapshot();
                let Some(snapshot) = &mut *snapshot else { return Ticks::default() };
                snapshot.advance(last_beat());
                if !snapshot.ticks {
                    subscribers.context = None;
                    return Ticks::default();
                }
                subscribers.update_context(snapshot);
            }
            let mut ticks = Ticks::default();
            let Subscribers { list, context: Some(context) } = subscribers else { return ticks };
            for subscriber in &*list {
                match subscriber.on_tick(context) {
                    TickDelivery::Written => ticks.sent += 1,
                    TickDelivery::PartlyWritten => {
                        ticks.sent += 1;
                        subscriber.notify();
                    }
                    TickDelivery::Nothing => {}
                    TickDelivery::Deferred => {
                        ticks.deferred += 1;
                        subscriber.notify();
                    }
                }
            }
            ticks
        })
    }

    /// Notifies all subscribers. Does not wait while a beat is delivered to a large audience: the thread that delivers
    /// it then notifies them.
    fn notify_all(&self) {
        self.is_notification_pending.store(true, Ordering::SeqCst);
        self.notify_if_pending();
    }

    fn with_subscribers<R>(&self, work: impl FnOnce(&mut Subscribers) -> R) -> R {
        let result = work(&mut self.subscribers.lock());
        self.notify_if_pending();
        result
    }

    /// Notifies all subscribers if that is pending. If another thread holds the subscribers' lock, that thread does it
    /// after unlocking.
    fn notify_if_pending(&self) {
        loop {
            // One thread unlocks and then reads the flag; the other sets the flag and then tries the lock. With this
            // fence at least one of the two sees the other.
            fence(Ordering::SeqCst);
            if !self.is_notification_pending.load(Ordering::SeqCst) {
                return;
            }
            let Some(subscribers) = self.subscribers.try_lock() else { return };
            if self.is_notification_pending.swap(false, Ordering::SeqCst) {
                for subscriber in &subscribers.list {
                    subscriber.notify();
                }
            }
        }
    }
}
