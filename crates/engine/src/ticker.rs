//! The beat: who leads it, and which beats this node shows.

use std::sync::Arc;
use std::time::Duration;

use timers::{Beat, Millis, Timestamp};
use tokio::time::sleep;

use crate::engine::Engine;
use crate::store::{BeatAnswer, BeatAsk, Fault};

/// How late the leader must be before another takes over: far above a healthy round trip, and together
/// with [`TAKEOVER_JITTER`] and one second the longest gap after a leader's death.
pub(crate) const TAKEOVER_AFTER: Millis = Millis(250);

/// Spreads the followers, so that mostly one asks.
const TAKEOVER_JITTER: Duration = Duration::from_millis(100);

/// How long after its second an unheard beat is shown all the same.
const UNHEARD_AFTER: Millis = Millis(450);

/// A beat older than this is not shown: it was stuck in a buffer or in a stopped process.
const BEAT_AGE_MAX: Millis = Millis(2000);

/// How long displays go on while the store is away; then the time is no longer certain.
const HOLDOVER_MAX: Duration = Duration::from_secs(600);

/// Pause before asking again after a failure.
const ASK_PAUSE: Duration = Duration::from_millis(200);

/// Pause after asking before the store's second had begun: our clock may be a millisecond ahead.
const TOO_EARLY_PAUSE: Duration = Duration::from_millis(2);

/// Pause while this node has nothing to reckon from.
const NOTHING_TO_FILL: Duration = Duration::from_secs(1);

const _: () = assert!(TAKEOVER_AFTER.0 + 100 < UNHEARD_AFTER.0, "a takeover comes before the node helps itself");
const _: () = assert!(UNHEARD_AFTER.0 < 1000, "every second is shown within itself");

/// Which beats this node has shown.
#[derive(Debug, Default)]
pub(crate) struct Ticker {
    last: Beat,
    led: bool,
    heard_at: Duration,
    ask_not_before: Duration,
}

impl Ticker {
    /// Shows a beat unless it was shown, or is too old to be of use.
    fn show(&mut self, engine: &Engine, beat: Beat, now: Timestamp) -> bool {
        let too_old = now.since(beat.instant()) > BEAT_AGE_MAX;
        if beat <= self.last || too_old {
            engine.stats.beats_refused.add_one();
            return false;
        }
        self.last = beat;
        engine.stats.beats.add_one();
        engine.stats.beat_lag_ms.set(now.since(beat.instant()).0);
        engine.hub.show_beat(beat);
        true
    }

    /// Takes in a beat, from the leader or from the store's answer to our own wish.
    pub(crate) fn heard(&mut self, engine: &Engine, beat: &BeatAnswer) {
        engine.clock.observe(beat.now);
        let Some(now) = engine.clock.now() else { return };
        let leads = beat.leader == engine.node;
        if leads && !self.led {
            engine.stats.elections_won.add_one();
            tracing::info!(node = %engine.node, beat = %beat.beat, "this node leads the beat");
        }
        self.led = leads;
        self.heard_at = engine.clock.elapsed();
        engine.set_leader(beat);
        if beat.beat > self.last {
            self.show(engine, beat.beat, now);
        }
    }

    /// Forgets the leader: the next second is open to all.
    pub(crate) fn vacant(&mut self) {
        self.led = false;
        self.ask_not_before = Duration::ZERO;
    }

    /// Shows the current second if it was not heard in time.
    fn fill(&mut self, engine: &Engine, now: Timestamp) {
        let unheard = (now - UNHEARD_AFTER).beat();
        if self.reckons(engine) && unheard > self.last && self.show(engine, unheard, now) {
            engine.stats.beats_filled.add_one();
        }
    }

    /// Whether this node may show beats that it did not hear.
    fn reckons(&self, engine: &Engine) -> bool {
        self.last > Beat(0) && engine.clock.elapsed().saturating_sub(self.heard_at) < HOLDOVER_MAX
    }

    /// Returns how long until the current second is to be shown unheard.
    fn fill_in(&self, engine: &Engine, now: Timestamp) -> Duration {
        if !self.reckons(engine) {
            return NOTHING_TO_FILL;
        }
        let fill_at = self.last.next().max(now.beat()).instant() + UNHEARD_AFTER;
        Duration::from_millis(fill_at.since(now).0)
    }

    /// Returns when something is to be done next, and whether it is to ask the store.
    fn next(&self, engine: &Engine, now: Timestamp) -> (Duration, bool) {
        let beat = self.last.next().max(now.beat());
        let ask_at = if self.led || self.last == Beat(0) || engine.is_vacant() {
            beat.instant()
        } else {
            beat.instant() + TAKEOVER_AFTER + millis(engine.entropy.up_to(TAKEOVER_JITTER))
        };
        let fill_in = self.fill_in(engine, now);
        if engine.has_resigned() {
            return (fill_in, false);
        }
        let held_back = self.ask_not_before.saturating_sub(engine.clock.elapsed());
        let ask_in = Duration::from_millis(ask_at.since(now).0).max(held_back);
        if ask_in <= fill_in || self.last == Beat(0) { (ask_in, true) } else { (fill_in, false) }
    }
}

fn millis_of(span: Millis) -> Duration {
    Duration::from_millis(span.0)
}

fn millis(span: Duration) -> Millis {
    Millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// Keeps the beat until cancelled.
pub(crate) async fn run(engine: Arc<Engine>) {
    // The first answer tells the time; until then there is nothing to count from.
    while engine.clock.now().is_none() && !engine.has_resigned() {
        if let Err(error) = ask(&engine).await {
            tracing::debug!(%error, "no beat yet");
            sleep(ASK_PAUSE).await;
        }
    }
    loop {
        let Some(now) = engine.clock.now() else { return };
        let (wait, asks) = engine.ticker().next(&engine, now);
        tokio::select! {
            biased;
            () = engine.beat_heard.notified() => continue,
            () = sleep(wait) => {}
        }
        if asks {
            beat(&engine).await;
        }
        if let Some(now) = engine.clock.now() {
            engine.ticker().fill(&engine, now);
        }
    }
}

/// Asks for the beat of this second without letting a silent store delay the display.
async fn beat(engine: &Arc<Engine>) {
    let mut asked = Box::pin(ask(engine));
    loop {
        let Some(now) = engine.clock.now() else { return };
        let fill_in = engine.ticker().fill_in(engine, now);
        tokio::select! {
            biased;
            answer = &mut asked => {
                if let Err(error) = answer {
                    tracing::debug!(%error, "the store gives no beat");
                    let pause = ASK_PAUSE + engine.entropy.up_to(ASK_PAUSE);
                    engine.ticker().ask_not_before = engine.clock.elapsed() + pause;
                }
                return;
            }
            () = sleep(fill_in.max(Duration::from_millis(1))) => {
                if let Some(now) = engine.clock.now() {
                    engine.ticker().fill(engine, now);
                }
            }
        }
    }
}

async fn ask(engine: &Engine) -> Result<(), Fault> {
    let now = engine.clock.now();
    let ask =
        BeatAsk { node: engine.node.clone(), takeover_after: TAKEOVER_AFTER, generation: engine.entropy.tag(), now };
    let answer = engine.store.beat(&ask).await?;
    engine.ticker().heard(engine, &answer);
    if engine.clock.now().is_some_and(|now| answer.beat < now.beat()) {
        let patience =
            if answer.leader.is_empty() || answer.leader == engine.node { Millis(0) } else { TAKEOVER_AFTER };
        let open_in = millis_of((answer.beat.next().instant() + patience).since(answer.now));
        engine.ticker().ask_not_before = engine.clock.elapsed() + open_in.max(TOO_EARLY_PAUSE);
    }
    Ok(())
}
