//! The ticker: requests beats from the store, receives them, and shows them.

use std::sync::Arc;
use std::time::Duration;

use timers::{Beat, Millis, Timestamp};
use tokio::time::sleep;

use crate::beat_schedule::{NextStep, TAKEOVER_AFTER, TAKEOVER_JITTER};
use crate::engine::Engine;
use crate::store::{BeatRequest, BeatStatus, Fault};

/// Pause before a request is repeated after a failure.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Pause after a request before the store's second had begun: this node's clock may be a millisecond ahead.
const TOO_EARLY_PAUSE: Duration = Duration::from_millis(2);

/// Runs the ticker until cancelled.
pub(crate) async fn run(engine: Arc<Engine>) {
    // The first answer tells the time; until then no beat can be counted.
    while engine.clock.now().is_none() {
        if engine.has_resigned() {
            engine.beat_heard.notified().await;
        } else if let Err(error) = request_beat(&engine).await {
            tracing::debug!(%error, "no beat yet");
            sleep(RETRY_PAUSE).await;
        }
    }
    loop {
        let Some(now) = engine.clock.now() else { return };
        let is_time_valid = engine.schedule().is_time_valid(engine.clock.elapsed());
        engine.set_time_valid(is_time_valid);
        let next = next_step(&engine, now);
        let (NextStep::Request(wait) | NextStep::Fill(wait)) = next;
        tokio::select! {
            biased;
            () = engine.beat_heard.notified() => continue,
            () = sleep(wait) => {}
        }
        if matches!(next, NextStep::Request(_)) {
            request_and_fill(&engine).await;
        }
        fill(&engine);
    }
}

/// Applies a beat of the leader, or the store's answer to a request of this node.
pub(crate) fn apply_beat(engine: &Engine, beat: &BeatStatus) {
    engine.clock.observe(beat.now);
    let Some(now) = engine.clock.now() else { return };
    let leads = beat.leader == engine.node;
    if engine.schedule().record_heard(leads, engine.clock.elapsed()) {
        engine.stats.elections_won.add_one();
        tracing::info!(node = %engine.node, beat = %beat.beat, "this node leads the beat");
    }
    engine.set_leader(beat);
    if beat.beat != engine.schedule().last() && !show(engine, beat.beat, now) {
        engine.stats.beats_refused.add_one();
    }
}

/// Applies the resignation of the leader.
pub(crate) fn apply_vacancy(engine: &Engine) {
    engine.schedule().forget_leader();
}

fn next_step(engine: &Engine, now: Timestamp) -> NextStep {
    let (schedule, elapsed) = (engine.schedule(), engine.clock.elapsed());
    if engine.has_resigned() {
        return NextStep::Fill(schedule.fill_in(now, elapsed));
    }
    schedule.next_step(now, elapsed, engine.is_vacant(), engine.entropy.up_to(TAKEOVER_JITTER))
}

fn show(engine: &Engine, beat: Beat, now: Timestamp) -> bool {
    // The lock is held until the hub has the beat, so that two beats cannot overtake each other.
    let mut schedule = engine.schedule();
    let last = schedule.last();
    if !schedule.take(beat, now) {
        return false;
    }
    if beat < last {
        engine.clock.count_step();
        tracing::warn!(%last, %beat, "the store's clock was set back by more than a minute; beats restart from it");
    }
    engine.publish_beat(beat, now);
    true
}

/// Shows the beat that is missing, if there is one.
fn fill(engine: &Engine) {
    let Some(now) = engine.clock.now() else { return };
    let missing = engine.schedule().missing(now, engine.clock.elapsed());
    if missing.is_some_and(|beat| show(engine, beat, now)) {
        engine.stats.beats_filled.add_one();
    }
}

/// Requests the beat of this second. A silent store does not delay the display.
async fn request_and_fill(engine: &Arc<Engine>) {
    let mut request = Box::pin(request_beat(engine));
    loop {
        let Some(now) = engine.clock.now() else { return };
        let fill_in = engine.schedule().fill_in(now, engine.clock.elapsed());
        tokio::select! {
            biased;
            answer = &mut request => {
                if let Err(error) = answer {
                    tracing::debug!(%error, "the store gives no beat");
                    let pause = RETRY_PAUSE + engine.entropy.up_to(RETRY_PAUSE);
                    engine.schedule().hold_back(engine.clock.elapsed() + pause);
                }
                return;
            }
            () = sleep(fill_in.max(Duration::from_millis(1))) => fill(engine),
        }
    }
}

async fn request_beat(engine: &Engine) -> Result<(), Fault> {
    let request = BeatRequest {
        node: engine.node.clone(),
        takeover_after: TAKEOVER_AFTER,
        generation: engine.entropy.tag(),
        now: engine.clock.now(),
    };
    let answer = engine.store.beat(&request).await?;
    apply_beat(engine, &answer);
    if engine.clock.now().is_some_and(|now| answer.beat < now.beat()) {
        // This node may not lead the store's second yet.
        let is_ours = answer.leader.is_empty() || answer.leader == engine.node;
        let delay = if is_ours { Millis(0) } else { TAKEOVER_AFTER };
        let opens_at = answer.beat.next().instant() + delay;
        let opens_in = Duration::from_millis(opens_at.since(answer.now).0);
        engine.schedule().hold_back(engine.clock.elapsed() + opens_in.max(TOO_EARLY_PAUSE));
    }
    Ok(())
}
