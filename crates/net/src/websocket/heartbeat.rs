//! The heartbeat: pings that a client must answer.
//!
//! While ticks flow, a ping is sent together with a tick in one write, without waking the connection's task. The timer
//! of that task fires one second later and serves clients that receive no ticks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Timers fire together at multiples of this, so that answers arrive together too. Waking a processor for each client
/// costs more than the ping.
const TIMER_GRID: Duration = Duration::from_millis(250);

/// Intervals of the heartbeat.
#[derive(Clone, Copy, Debug)]
pub struct HeartbeatOptions {
    /// Time between an answer and the next ping.
    pub every: Duration,
    /// Time within which a client must answer a ping.
    pub within: Duration,
}

/// The state of a client's heartbeat, shared by the connection's task and the fan-out.
pub struct Heartbeat {
    /// Ticks to send before the one that carries a ping.
    ticks_left: AtomicU64,
    /// A ping awaits its answer.
    ping_pending: AtomicBool,
}

impl Heartbeat {
    /// Counts a tick; returns whether it must carry a ping.
    pub fn count_tick(&self) -> bool {
        let left = self.ticks_left.load(Ordering::Relaxed);
        if left > 0 {
            self.ticks_left.store(left - 1, Ordering::Relaxed);
            return false;
        }
        !self.ping_pending.load(Ordering::Relaxed)
    }

    /// Records that a ping is about to be written, or that it could not be written. Must be called before the write,
    /// because the answer may arrive before the writer continues.
    pub fn set_ping_pending(&self, pending: bool) {
        self.ping_pending.store(pending, Ordering::Relaxed);
    }

    fn restart(&self, interval: Duration) {
        // The tick after these carries the ping: one second before the timer fires, so that the client can answer.
        self.ticks_left.store(interval.as_secs().saturating_sub(2), Ordering::Relaxed);
        self.ping_pending.store(false, Ordering::Relaxed);
    }
}

/// What to do when a [`HeartbeatTimer`] fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeartbeatAction {
    /// Send a ping.
    Ping,
    /// Close the connection: the client did not answer.
    Timeout,
}

/// The heartbeat timer of a connection's task.
pub struct HeartbeatTimer {
    options: HeartbeatOptions,
    start: Instant,
    deadline: Instant,
    /// The deadline is that of an answer.
    awaits_answer: bool,
}

impl HeartbeatTimer {
    /// Starts a heartbeat whose timer fires on a grid through `start`. The first ping follows after a random half to
    /// whole of the interval, so that clients that connect together are not pinged together.
    pub fn new(options: HeartbeatOptions, start: Instant) -> (Self, Heartbeat) {
        let first = options.every.mul_f64(0.5 + fastrand::f64() / 2.0);
        let heartbeat = Heartbeat { ticks_left: AtomicU64::new(0), ping_pending: AtomicBool::new(false) };
        heartbeat.restart(first);
        let mut timer = Self { options, start, deadline: start, awaits_answer: false };
        timer.set(first, false);
        (timer, heartbeat)
    }

    fn set(&mut self, span: Duration, awaits_answer: bool) {
        let intervals = (self.start.elapsed() + span).as_millis().div_ceil(TIMER_GRID.as_millis());
        self.deadline = self.start + TIMER_GRID * u32::try_from(intervals).unwrap_or(u32::MAX);
        self.awaits_answer = awaits_answer;
    }

    /// Returns when the timer fires.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Records that the client has sent something, which answers a pending ping.
    pub fn received(&mut self, heartbeat: &Heartbeat) {
        if self.awaits_answer || heartbeat.ping_pending.load(Ordering::Relaxed) {
            heartbeat.restart(self.options.every);
            self.set(self.options.every, false);
        }
    }

    /// Restarts the time for an answer that is awaited, because the kernel has only just accepted what was written before.
    pub(crate) fn written_late(&mut self) {
        if self.awaits_answer {
            self.set(self.options.within, true);
        }
    }

    /// Restarts the time for the answer, because the ping has only just been written.
    pub fn ping_written(&mut self) {
        self.set(self.options.within, true);
    }

    /// Handles that the timer fired. While the client's messages are not read (`is_reading` is false), its answer can't
    /// be seen, so it is pinged again instead of being closed.
    pub fn fire(&mut self, heartbeat: &Heartbeat, is_reading: bool) -> HeartbeatAction {
        if self.awaits_answer && is_reading {
            return HeartbeatAction::Timeout;
        }
        heartbeat.set_ping_pending(true);
        self.set(self.options.within, true);
        HeartbeatAction::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: HeartbeatOptions =
        HeartbeatOptions { every: Duration::from_secs(25), within: Duration::from_secs(10) };

    /// Advances by a second and its tick; returns whether the tick carried a ping.
    async fn second(heartbeat: &Heartbeat) -> bool {
        tokio::time::advance(Duration::from_secs(1)).await;
        let pings = heartbeat.count_tick();
        if pings {
            heartbeat.set_ping_pending(true);
        }
        pings
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_for_an_answer_begins_when_the_ping_leaves_the_node() {
        let (mut timer, heartbeat) = HeartbeatTimer::new(OPTIONS, Instant::now());
        tokio::time::sleep_until(timer.deadline()).await;
        timer.written_late();
        assert!(timer.deadline() <= Instant::now(), "no answer is awaited");
        assert_eq!(timer.fire(&heartbeat, false), HeartbeatAction::Ping);
        tokio::time::advance(OPTIONS.within - Duration::from_secs(1)).await;
        timer.written_late();
        assert!(timer.deadline() >= Instant::now() + OPTIONS.within);
    }

    #[tokio::test(start_paused = true)]
    async fn while_ticks_flow_and_pings_are_answered_the_timer_never_fires() {
        let start = Instant::now();
        // Between two points of the grid, with answers that take more or less time.
        tokio::time::advance(Duration::from_millis(83)).await;
        let (mut timer, heartbeat) = HeartbeatTimer::new(OPTIONS, start);
        let mut pinged = Vec::new();
        for nth in 0..200 {
            let pings = second(&heartbeat).await;
            assert!(Instant::now() < timer.deadline());
            if pings {
                pinged.push(nth);
                let took = Duration::from_millis(if pinged.len() % 2 == 0 { 900 } else { 1 });
                tokio::time::advance(took).await;
                assert!(Instant::now() < timer.deadline(), "the client can answer in time");
                timer.received(&heartbeat);
                tokio::time::advance(Duration::from_millis(1000) - took).await;
                assert!(!heartbeat.count_tick());
            }
        }
        assert!((10..24).contains(&pinged[0]) && pinged.len() > 6, "{pinged:?}");
        assert!(pinged.windows(2).all(|pair| pair[1] - pair[0] == 23), "{pinged:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_answer_times_out_ten_seconds_after_the_timer() {
        let (mut timer, heartbeat) = HeartbeatTimer::new(OPTIONS, Instant::now());
        while !second(&heartbeat).await {}
        assert!(!second(&heartbeat).await, "it is pinged once");
        assert_eq!(timer.fire(&heartbeat, true), HeartbeatAction::Ping, "the timer pings too, for the last time");
        assert!((OPTIONS.within..=OPTIONS.within + TIMER_GRID).contains(&(timer.deadline() - Instant::now())));
        assert_eq!(timer.fire(&heartbeat, false), HeartbeatAction::Ping, "its answer could not be read");
        assert_eq!(timer.fire(&heartbeat, true), HeartbeatAction::Timeout);
    }

    #[tokio::test(start_paused = true)]
    async fn without_ticks_the_timer_pings() {
        let (mut timer, heartbeat) = HeartbeatTimer::new(OPTIONS, Instant::now());
        let before = timer.deadline();
        timer.received(&heartbeat);
        assert_eq!(timer.deadline(), before, "an unsolicited message is no answer");
        assert_eq!(timer.fire(&heartbeat, true), HeartbeatAction::Ping);
        // A tick that would have carried a ping too was not written.
        heartbeat.set_ping_pending(false);
        timer.received(&heartbeat);
        assert!((OPTIONS.every..=OPTIONS.every + TIMER_GRID).contains(&(timer.deadline() - Instant::now())));
    }
}
