//! The decision which node leads the beat, for stores in this process.

use timers::Millis;

use crate::store::{BeatRequest, BeatStatus};
use crate::store_clock::StoreTime;

/// Decides one request to lead the beat, as `beat.lua` does in Redis; returns whether it is the second's first.
pub fn lead(last: &mut Option<BeatStatus>, request: &BeatRequest, time: StoreTime) -> (BeatStatus, bool) {
    let StoreTime { now, absorbed } = time;
    if let Some(last) = last.as_ref() {
        let late: Millis = now.since(last.beat.next().instant());
        let led_by_another = !last.leader.is_empty() && last.leader != request.node;
        if now.beat() <= last.beat || (led_by_another && late < request.takeover_after) {
            return (BeatStatus { now, absorbed, ..last.clone() }, false);
        }
    }
    let generation = last.as_ref().map_or(request.generation, |last| last.generation);
    let beat = BeatStatus { beat: now.beat(), now, leader: request.node.clone(), generation, absorbed };
    *last = Some(beat.clone());
    (beat, true)
}

/// Resigns the leadership if `node` has it; returns whether it had it.
pub fn resign(last: &mut Option<BeatStatus>, node: &str) -> bool {
    match last {
        Some(last) if last.leader == node => {
            last.leader.clear();
            true
        }
        Some(_) | None => false,
    }
}
