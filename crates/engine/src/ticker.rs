//! The beat: asks for it, hears it, and shows it.

use std::sync::Arc;
use std::time::Duration;

use timers::{Beat, Millis, Timestamp};
use tokio::time::sleep;

use crate::cursor::{Next, TAKEOVER_AFTER, TAKEOVER_JITTER};
use crate::engine::Engine;
use crate::store::{BeatAnswer, BeatAsk, Fault};

/// Pause before asking again after a failure.
const ASK_PAUSE: Duration = Duration::from_millis(200);

/// Pause after asking before the store's second had begun: our clock may be a millisecond ahead.
const TOO_EARLY_PAUSE: Duration = Duration::from_millis(2);

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
        engine.set_certain(engine.cursor().is_certain(engine.clock.elapsed()));
        let next = next(&engine, now);
        let (Next::Ask(wait) | Next::Fill(wait)) = next;
        tokio::select! {
            biased;
            () = engine.beat_heard.notified() => continue,
            () = sleep(wait) => {}
        }
        if matches!(next, Next::Ask(_)) {
            beat(&engine).await;
        }
        fill(&engine);
    }
}

/// Takes in a beat, from the leader or from the store's answer to our own wish.
pub(crate) fn heard(engine: &Engine, beat: &BeatAnswer) {
    engine.clock.observe(beat.now);
    let Some(now) = engine.clock.now() else { return };
    let leads = beat.leader == engine.node;
    if engine.cursor().heard(leads, engine.clock.elapsed()) {
        engine.stats.elections_won.add_one();
        tracing::info!(node = %engine.node, beat = %beat.beat, "this node leads the beat");
    }
    engine.set_leader(beat);
    if beat.beat != engine.cursor().last() && !show(engine, beat.beat, now) {
        engine.stats.beats_refused.add_one();
    }
}

/// Takes in that the leader has resigned.
pub(crate) fn vacant(engine: &Engine) {
    engine.cursor().vacant();
}

fn next(engine: &Engine, now: Timestamp) -> Next {
    let (cursor, elapsed) = (engine.cursor(), engine.clock.elapsed());
    if engine.has_resigned() {
        return Next::Fill(cursor.fill_in(now, elapsed));
    }
    cursor.next(now, elapsed, engine.is_vacant(), engine.entropy.up_to(TAKEOVER_JITTER))
}

fn show(engine: &Engine, beat: Beat, now: Timestamp) -> bool {
    // The lock is held until the hub has it, so that two beats can't overtake each other.
    let mut cursor = engine.cursor();
    let last = cursor.last();
    if !cursor.take(beat, now) {
        return false;
    }
    if beat < last {
        engine.clock.note_step();
        tracing::warn!(%last, %beat, "the store's clock was put right; beats are counted anew");
    }
    engine.show(beat, now);
    true
}

/// Shows the beat that should have been heard and was not.
fn fill(engine: &Engine) {
    let Some(now) = engine.clock.now() else { return };
    let unheard = engine.cursor().unheard(now, engine.clock.elapsed());
    if unheard.is_some_and(|beat| show(engine, beat, now)) {
        engine.stats.beats_filled.add_one();
    }
}

/// Asks for the beat of this second without letting a silent store delay the display.
async fn beat(engine: &Arc<Engine>) {
    let mut asked = Box::pin(ask(engine));
    loop {
        let Some(now) = engine.clock.now() else { return };
        let fill_in = engine.cursor().fill_in(now, engine.clock.elapsed());
        tokio::select! {
            biased;
            answer = &mut asked => {
                if let Err(error) = answer {
                    tracing::debug!(%error, "the store gives no beat");
                    let pause = ASK_PAUSE + engine.entropy.up_to(ASK_PAUSE);
                    engine.cursor().hold_back(engine.clock.elapsed() + pause);
                }
                return;
            }
            () = sleep(fill_in.max(Duration::from_millis(1))) => fill(engine),
        }
    }
}

async fn ask(engine: &Engine) -> Result<(), Fault> {
    let now = engine.clock.now();
    let ask =
        BeatAsk { node: engine.node.clone(), takeover_after: TAKEOVER_AFTER, generation: engine.entropy.tag(), now };
    let answer = engine.store.beat(&ask).await?;
    heard(engine, &answer);
    if engine.clock.now().is_some_and(|now| answer.beat < now.beat()) {
        // The store's second is not open to us yet.
        let ours = answer.leader.is_empty() || answer.leader == engine.node;
        let patience = if ours { Millis(0) } else { TAKEOVER_AFTER };
        let opens = answer.beat.next().instant() + patience;
        let opens_in = Duration::from_millis(opens.since(answer.now).0);
        engine.cursor().hold_back(engine.clock.elapsed() + opens_in.max(TOO_EARLY_PAUSE));
    }
    Ok(())
}
