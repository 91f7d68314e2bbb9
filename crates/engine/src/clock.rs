//! Cluster time, as a node reckons it from what the store says, and a store's own time.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use timers::Timestamp;

/// How long a node trusts what it once heard. Long enough to have met a quick answer, short enough that
/// a quartz drift of 100 ppm stays under 6 ms.
const WINDOW: Duration = Duration::from_secs(60);

/// Steps back up to this are held still instead of shown; larger ones are a clock that was put right.
const HOLD_MAX_MS: u64 = 1000;

/// A reading so far ahead of all others is a clock that was moved, or the best of a slow minute.
const STEP: i128 = 1000;

/// How fast a store's clock runs while the wall clock is behind it.
const WALK_HOME: f64 = 0.995;

/// A clock that only tells how much time passes, also while the machine sleeps.
pub trait Monotonic: Send + Sync + 'static {
    /// Returns the time since some fixed instant.
    fn elapsed(&self) -> Duration;
}

/// Time since the machine was started, sleep included.
#[derive(Clone, Copy, Debug, Default)]
pub struct BootClock;

impl Monotonic for BootClock {
    fn elapsed(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
    }
}

/// The cluster clock of a node.
///
/// Whatever the store said took some time to arrive, so its true time is never before what was heard;
/// the latest of all readings is the best one, and a late reading never drags the clock back.
pub struct Clock {
    monotonic: Box<dyn Monotonic>,
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    /// The best reading of each second: when, and how far the store was ahead of our own clock, in ms.
    seconds: VecDeque<(u64, i128)>,
    last: u64,
    steps: u64,
}

impl Clock {
    /// Makes a clock that knows nothing yet.
    pub fn new(monotonic: Box<dyn Monotonic>) -> Self {
        Self { monotonic, heard: Mutex::new(Heard::default()) }
    }

    /// Returns the time that passes on this node.
    pub fn elapsed(&self) -> Duration {
        self.monotonic.elapsed()
    }

    /// Takes note of the store's time as just heard.
    pub fn observe(&self, now: Timestamp) {
        let own = self.elapsed();
        let ahead = i128::from(now.0) - i128::try_from(own.as_millis()).unwrap_or(i128::MAX);
        let second = own.as_secs();
        let mut heard = self.lock();
        if heard.ahead().is_some_and(|best| ahead > best + STEP) {
            heard.steps += 1;
            tracing::warn!(now = now.0, "the store's clock went forward by more than a second; it is believed");
        }
        match heard.seconds.back_mut() {
            Some((last, best)) if *last == second => *best = (*best).max(ahead),
            Some(_) | None => heard.seconds.push_back((second, ahead)),
        }
        while heard.seconds.front().is_some_and(|(then, _)| then + WINDOW.as_secs() < second) {
            heard.seconds.pop_front();
        }
    }

    /// Returns cluster time; `None` before the store was heard at all.
    pub fn now(&self) -> Option<Timestamp> {
        let own = i128::try_from(self.elapsed().as_millis()).unwrap_or(i128::MAX);
        let mut heard = self.lock();
        let ahead = heard.ahead()?;
        let now = u64::try_from(own + ahead).unwrap_or(0);
        if heard.last <= now || heard.last - now > HOLD_MAX_MS {
            heard.last = now;
        }
        Some(Timestamp(heard.last))
    }

    /// Returns how far the time read is ahead of the node's own clock, in ms; `None` before it was heard.
    pub fn ahead(&self) -> Option<i128> {
        self.lock().ahead()
    }

    /// Counts a step that was noticed elsewhere.
    pub(crate) fn note_step(&self) {
        self.lock().steps += 1;
    }

    /// Returns how often the store's clock was moved by more than a second.
    pub fn steps(&self) -> u64 {
        self.lock().steps
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    fn ahead(&self) -> Option<i128> {
        self.seconds.iter().map(|(_, ahead)| *ahead).max()
    }
}

/// The time of a store that lives in this process: the machine's wall clock, but never backwards.
///
/// Forward steps are believed, as a suspended machine looks the same; backward ones are walked home at
/// five milliseconds a second.
pub struct StoreClock {
    monotonic: Box<dyn Monotonic>,
    wall: fn() -> Duration,
    reckoned: Mutex<Option<Reckoned>>,
}

struct Reckoned {
    at: Duration,
    now: Duration,
}

impl StoreClock {
    /// Makes a clock over the machine's wall clock.
    pub fn new() -> Self {
        Self::over(Box::new(BootClock), || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    fn over(monotonic: Box<dyn Monotonic>, wall: fn() -> Duration) -> Self {
        Self { monotonic, wall, reckoned: Mutex::new(None) }
    }

    /// Returns the time; never before what it returned last.
    pub fn now(&self) -> Timestamp {
        let mut reckoned = self.reckoned.lock().unwrap_or_else(PoisonError::into_inner);
        let (own, wall) = (self.monotonic.elapsed(), (self.wall)());
        let now = match reckoned.as_ref() {
            Some(last) => wall.max(last.now + own.saturating_sub(last.at).mul_f64(WALK_HOME)),
            None => wall,
        };
        *reckoned = Some(Reckoned { at: own, now });
        Timestamp(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Default for StoreClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Clone, Default)]
    struct Hand(Arc<AtomicU64>);

    impl Hand {
        fn set(&self, millis: u64) {
            self.0.store(millis, Ordering::Relaxed);
        }
    }

    impl Monotonic for Hand {
        fn elapsed(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    #[test]
    fn a_late_reading_does_not_drag_the_clock_back() {
        let hand = Hand::default();
        let clock = Clock::new(Box::new(hand.clone()));
        assert_eq!(clock.now(), None);
        hand.set(1_000);
        clock.observe(Timestamp(501_000));
        hand.set(3_000);
        clock.observe(Timestamp(501_200));
        assert_eq!(clock.now(), Some(Timestamp(503_000)));
    }

    #[test]
    fn a_quick_reading_is_forgotten_after_the_window_and_the_clock_stands_rather_than_steps_back() {
        let hand = Hand::default();
        let clock = Clock::new(Box::new(hand.clone()));
        clock.observe(Timestamp(500_000));
        hand.set(62_000);
        assert_eq!(clock.now(), Some(Timestamp(562_000)));
        clock.observe(Timestamp(561_800));
        assert_eq!(clock.now(), Some(Timestamp(562_000)));
        hand.set(62_300);
        assert_eq!(clock.now(), Some(Timestamp(562_100)));
    }

    static WALL: AtomicU64 = AtomicU64::new(0);

    #[test]
    fn a_stores_time_follows_the_wall_forward_and_walks_home_from_a_step_back() {
        let hand = Hand::default();
        let wall = || Duration::from_millis(WALL.load(Ordering::Relaxed));
        let clock = StoreClock::over(Box::new(hand.clone()), wall);
        let at = |own: u64, wall: u64| {
            hand.set(own);
            WALL.store(wall, Ordering::Relaxed);
            clock.now().0
        };
        assert_eq!(at(0, 100_000), 100_000);
        assert_eq!(at(1_000, 101_000), 101_000);
        assert_eq!(at(2_000, 202_000), 202_000, "a step forward is believed");
        assert_eq!(at(3_000, 198_000), 202_995, "a step back is not");
        assert_eq!(at(1_003_000, 1_198_000), 1_198_000, "and is home again");
    }
}
