//! Starting a node: its tasks, and what feeds them.

use std::sync::Arc;
use std::time::Duration;

use timers::Scope;
use tokio::sync::mpsc;

use crate::engine::{Engine, Options, Seams};
use crate::store::{BeatAnswer, Connected, Signal, Store};
use crate::telemetry::Timing;
use crate::{deadlines, leases, ticker};

/// How often some views are compared with the store.
const AUDIT_EVERY: Duration = Duration::from_secs(1);

impl Engine {
    /// Starts a node on a store. It lives until [`Engine::stop`].
    pub fn start(connected: Connected<dyn Store>, options: Options, seams: Seams) -> Arc<Self> {
        let Connected { store, signals } = connected;
        let (engine, near, entering) = Self::new(store, options, seams);
        let engine = Arc::new(engine);
        engine.spawn(Arc::clone(&engine.hub).fan_out());
        engine.spawn(listen(Arc::clone(&engine), signals));
        engine.spawn(ticker::run(Arc::clone(&engine)));
        engine.spawn(deadlines::carry_out_due(Arc::clone(&engine)));
        engine.spawn(deadlines::carry_out_near(Arc::clone(&engine), near));
        engine.spawn(leases::run(Arc::clone(&engine), entering));
        engine.spawn(audit(Arc::clone(&engine)));
        engine
    }
}

/// Reads what the store signals, in order and without waiting for anything.
async fn listen(engine: Arc<Engine>, mut signals: mpsc::Receiver<Signal>) {
    while let Some(signal) = signals.recv().await {
        match signal {
            Signal::Updated(update) => engine.hub.heard(&update),
            Signal::Beat(beat) => {
                ticker::heard(&engine, &beat);
                note_way(&engine, &beat);
                engine.beat_heard.notify_one();
            }
            Signal::Vacant => {
                engine.forget_leader();
                ticker::vacant(&engine);
                engine.beat_heard.notify_one();
            }
            Signal::Lost(shards) => engine.hub.lost(shards),
            Signal::Restored(shards) => engine.compare(shards),
        }
    }
}

/// Notes how long a beat was on its way. It was published when it was asked for, so the clock knows.
fn note_way(engine: &Engine, beat: &BeatAnswer) {
    if let Some(now) = engine.clock.now() {
        engine.telemetry.took(Timing::Signal, Duration::from_millis(now.since(beat.now).0));
    }
}

/// Once a second, compares some views with the store.
async fn audit(engine: Arc<Engine>) {
    let mut from: Option<Scope> = None;
    loop {
        tokio::time::sleep(AUDIT_EVERY).await;
        from = engine.hub.audit(from).await;
    }
}
