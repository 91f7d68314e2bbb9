//! Starting a node: its tasks, and the signals that they read.

use std::sync::Arc;
use std::time::Duration;

use timers::Scope;
use tokio::sync::mpsc;

use crate::engine::{Dependencies, Engine, Options};
use crate::store::{BeatStatus, Connected, Signal, Store};
use crate::telemetry::Timing;
use crate::{capacity, deadlines, leases, retention, ticker};

/// How often some views are compared with the store.
const ANTI_ENTROPY_INTERVAL: Duration = Duration::from_secs(1);

impl Engine {
    /// Starts a node on a store. It runs until [`Engine::stop`]; see [`Engine::failed`].
    pub fn start(connected: Connected<dyn Store>, options: Options, dependencies: Dependencies) -> Arc<Self> {
        let Connected { store, signals } = connected;
        let (engine, near_deadlines, entry_requests) = Self::new(store, options, dependencies);
        let engine = Arc::new(engine);
        let shared = || Arc::clone(&engine);
        engine.spawn_supervised("fan-out", Arc::clone(&engine.hub).fan_out());
        engine.spawn_supervised("listener", listen(shared(), signals));
        engine.spawn_supervised("ticker", ticker::run(shared()));
        engine.spawn_supervised("deadlines", deadlines::run_due(shared()));
        engine.spawn_supervised("near-deadlines", deadlines::run_near(shared(), near_deadlines));
        engine.spawn_supervised("lease", leases::run(shared(), entry_requests));
        engine.spawn_supervised("anti-entropy", anti_entropy(shared()));
        engine.spawn_supervised("guests", retention::run(shared()));
        engine.spawn_supervised("capacity", capacity::watch(shared()));
        engine
    }
}

/// Reads the store's signals in order, without waiting for anything else.
async fn listen(engine: Arc<Engine>, mut signals: mpsc::Receiver<Signal>) {
    while let Some(signal) = signals.recv().await {
        match signal {
            Signal::Updated(update) => engine.hub.apply_update(&update),
            Signal::Beat(beat) => {
                ticker::apply_beat(&engine, &beat);
                record_signal_delay(&engine, &beat);
                engine.beat_heard.notify_one();
            }
            Signal::Vacant => {
                engine.forget_leader();
                ticker::apply_vacancy(&engine);
                engine.beat_heard.notify_one();
            }
            Signal::Lost(shards) => engine.hub.invalidate_shards(shards),
            Signal::Restored(shards) => engine.compare(shards),
        }
    }
}

/// Records the transit time of a beat. The store publishes a beat when it is requested, so the cluster clock tells.
fn record_signal_delay(engine: &Engine, beat: &BeatStatus) {
    if let Some(now) = engine.clock.now() {
        engine.telemetry.record(Timing::Signal, Duration::from_millis(now.since(beat.now).0));
    }
}

async fn anti_entropy(engine: Arc<Engine>) {
    let mut from: Option<Scope> = None;
    loop {
        tokio::time::sleep(ANTI_ENTROPY_INTERVAL).await;
        from = engine.hub.anti_entropy(from).await;
    }
}
