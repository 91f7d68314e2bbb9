//! Whether a client is still there: a ping now and then, which it has to answer.
//!
//! While ticks flow, a ping goes out with one of them, in the same write, and the connection's own task is not
//! woken for it; its timer, a second later, is for clients that nothing ticks for.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::HeartbeatSettings;

/// Timers go off together at multiples of this, as do their answers come: to wake a processor for each of them
/// costs more than the ping.
const GRID: Duration = Duration::from_millis(250);

/// What a connection's task and the fan-out know of a client's life.
pub(crate) struct Pulse {
    /// How many ticks go out before one that carries a ping.
    left: AtomicU64,
    /// A ping is not answered yet.
    asked: AtomicBool,
}

impl Pulse {
    /// Counts a tick; tells whether it is to carry a ping.
    pub(crate) fn is_due(&self) -> bool {
        let left = self.left.load(Ordering::Relaxed);
        if left > 0 {
            self.left.store(left - 1, Ordering::Relaxed);
            return false;
        }
        !self.asked.load(Ordering::Relaxed)
    }

    /// Notes that a ping is being sent, or was not after all. Before it is written: the answer may be faster than
    /// whoever wrote.
    pub(crate) fn asks(&self, asks: bool) {
        self.asked.store(asks, Ordering::Relaxed);
    }

    fn rest(&self, span: Duration) {
        // The ping goes with the tick after these: a second before the timer goes off, in which it can be answered.
        self.left.store(span.as_secs().saturating_sub(2), Ordering::Relaxed);
        self.asked.store(false, Ordering::Relaxed);
    }
}

/// What the timer's going off means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// A ping is to be sent.
    Ask,
    /// The answer did not come.
    Silent,
}

/// The timer of a connection's task.
pub(crate) struct Timer {
    heartbeat: HeartbeatSettings,
    begun: Instant,
    at: Instant,
    /// It goes off when the answer must have come.
    awaits: bool,
}

impl Timer {
    /// Begins on a grid that `begun` is on, with a random half to whole of the time before the first ping, so that
    /// those who came together are not asked together.
    pub(crate) fn new(heartbeat: HeartbeatSettings, begun: Instant) -> (Self, Pulse) {
        let first = heartbeat.every.mul_f64(0.5 + fastrand::f64() / 2.0);
        let pulse = Pulse { left: AtomicU64::new(0), asked: AtomicBool::new(false) };
        pulse.rest(first);
        let mut timer = Self { heartbeat, begun, at: begun, awaits: false };
        timer.set(first, false);
        (timer, pulse)
    }

    fn set(&mut self, span: Duration, awaits: bool) {
        let lines = (self.begun.elapsed() + span).as_millis().div_ceil(GRID.as_millis());
        self.at = self.begun + GRID * u32::try_from(lines).unwrap_or(u32::MAX);
        self.awaits = awaits;
    }

    /// Returns when it goes off.
    pub(crate) fn at(&self) -> Instant {
        self.at
    }

    /// Notes a sign of life.
    pub(crate) fn seen(&mut self, pulse: &Pulse) {
        if self.awaits || pulse.asked.load(Ordering::Relaxed) {
            pulse.rest(self.heartbeat.every);
            self.set(self.heartbeat.every, false);
        }
    }

    /// Counts from now on how long the answer takes: the ping has only just been written.
    pub(crate) fn asked(&mut self) {
        self.set(self.heartbeat.within, true);
    }

    /// It went off. Nothing can be heard of a client that is not `heard`.
    pub(crate) fn goes_off(&mut self, pulse: &Pulse, heard: bool) -> Due {
        if self.awaits && heard {
            return Due::Silent;
        }
        pulse.asks(true);
        self.set(self.heartbeat.within, true);
        Due::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEARTBEAT: HeartbeatSettings =
        HeartbeatSettings { every: Duration::from_secs(25), within: Duration::from_secs(10) };

    /// Lets a second pass, and a tick with it; tells whether that carried a ping.
    async fn second(pulse: &Pulse) -> bool {
        tokio::time::advance(Duration::from_secs(1)).await;
        let due = pulse.is_due();
        if due {
            pulse.asks(true);
        }
        due
    }

    #[tokio::test(start_paused = true)]
    async fn while_ticks_flow_and_pings_are_answered_the_timer_never_goes_off() {
        let begun = Instant::now();
        // Anywhere between two lines of the grid, with answers that take more or less time.
        tokio::time::advance(Duration::from_millis(83)).await;
        let (mut timer, pulse) = Timer::new(HEARTBEAT, begun);
        let mut pinged = Vec::new();
        for nth in 0..200 {
            let due = second(&pulse).await;
            assert!(Instant::now() < timer.at());
            if due {
                pinged.push(nth);
                let took = Duration::from_millis(if pinged.len() % 2 == 0 { 900 } else { 1 });
                tokio::time::advance(took).await;
                assert!(Instant::now() < timer.at(), "it can be answered");
                timer.seen(&pulse);
                tokio::time::advance(Duration::from_millis(1000) - took).await;
                assert!(!pulse.is_due());
            }
        }
        assert!((10..24).contains(&pinged[0]) && pinged.len() > 6, "{pinged:?}");
        assert!(pinged.windows(2).all(|pair| pair[1] - pair[0] == 23), "{pinged:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_answer_is_silent_ten_seconds_after_the_timer() {
        let (mut timer, pulse) = Timer::new(HEARTBEAT, Instant::now());
        while !second(&pulse).await {}
        assert!(!second(&pulse).await, "it is asked once");
        assert_eq!(timer.goes_off(&pulse, true), Due::Ask, "by the timer too, and for the last time");
        assert!((HEARTBEAT.within..=HEARTBEAT.within + GRID).contains(&(timer.at() - Instant::now())));
        assert_eq!(timer.goes_off(&pulse, false), Due::Ask, "it could not be heard");
        assert_eq!(timer.goes_off(&pulse, true), Due::Silent);
    }

    #[tokio::test(start_paused = true)]
    async fn without_ticks_the_timer_asks() {
        let (mut timer, pulse) = Timer::new(HEARTBEAT, Instant::now());
        let before = timer.at();
        timer.seen(&pulse);
        assert_eq!(timer.at(), before, "what it says by itself is no answer");
        assert_eq!(timer.goes_off(&pulse, true), Due::Ask);
        // A tick that would have asked too was not written after all.
        pulse.asks(false);
        timer.seen(&pulse);
        assert!((HEARTBEAT.every..=HEARTBEAT.every + GRID).contains(&(timer.at() - Instant::now())));
    }
}
