//! The cluster clock, which a node disciplines by the store's answers, and the clock of a store.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::{Mutex, MutexGuard};
use timers::Timestamp;

/// How long a reading of the store's time is used: long enough to contain a quick answer, short enough that a quartz
/// drift of 100 ppm stays under 6 ms.
const WINDOW: Duration = Duration::from_secs(60);

/// The clock stands still for a step back up to this; a larger one means that the store's clock was set, and is followed.
const HOLD_STILL_MAX_MS: u64 = 1000;

/// A reading this far ahead of all others is counted as a step: the store's clock was set, or all answers of the last
/// minute were slow.
const STEP: i128 = 1000;

/// The rate of a store's clock while the wall clock is behind it.
const SLEW_RATE: f64 = 0.995;

/// A clock that tells only how much time passes, also while the machine sleeps.
pub trait Monotonic: Send + Sync + 'static {
    /// Returns the time since a fixed instant.
    fn elapsed(&self) -> Duration;
}

/// The time since the machine was started, sleep included.
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
/// An answer of the store takes some time to arrive, so the true time is never before the time in it. The reading that
/// is furthest ahead is the best one, and a late reading never sets the clock back.
pub struct Clock {
    monotonic: Box<dyn Monotonic>,
    readings: Mutex<Readings>,
}

#[derive(Default)]
struct Readings {
    /// The best reading of each second: the second, and how far the store was ahead of the node's own clock, in ms.
    seconds: VecDeque<(u64, i128)>,
    last: u64,
    steps: u64,
}

impl Clock {
    /// Makes a clock without a reading.
    pub fn new(monotonic: Box<dyn Monotonic>) -> Self {
        Self { monotonic, readings: Mutex::new(Readings::default()) }
    }

    /// Returns the node's own monotonic time.
    pub fn elapsed(&self) -> Duration {
        self.monotonic.elapsed()
    }

    /// Adds a reading: the store's time, received just now.
    pub fn observe(&self, now: Timestamp) {
        let own = self.elapsed();
        let ahead = i128::from(now.0) - i128::try_from(own.as_millis()).unwrap_or(i128::MAX);
        let second = own.as_secs();
        let mut readings = self.lock();
        if readings.ahead().is_some_and(|best| ahead > best + STEP) {
            readings.steps += 1;
            tracing::warn!(now = now.0, "the store's clock went forward by more than a second; it is followed");
        }
        match readings.seconds.back_mut() {
            Some((last, best)) if *last == second => *best = (*best).max(ahead),
            Some(_) | None => readings.seconds.push_back((second, ahead)),
        }
        while readings.seconds.front().is_some_and(|(then, _)| then + WINDOW.as_secs() < second) {
            readings.seconds.pop_front();
        }
    }

    /// Returns cluster time; `None` before the first reading.
    pub fn now(&self) -> Option<Timestamp> {
        let own = i128::try_from(self.elapsed().as_millis()).unwrap_or(i128::MAX);
        let mut readings = self.lock();
        let ahead = readings.ahead()?;
        let now = u64::try_from(own + ahead).unwrap_or(0);
        if readings.last <= now || readings.last - now > HOLD_STILL_MAX_MS {
            readings.last = now;
        }
        Some(Timestamp(readings.last))
    }

    /// Returns how far cluster time is ahead of the node's own clock, in ms; `None` before the first reading.
    pub fn ahead(&self) -> Option<i128> {
        self.lock().ahead()
    }

    /// Counts a step that another part of the node has noticed.
    pub(crate) fn count_step(&self) {
        self.lock().steps += 1;
    }

    /// Returns how many times the store's clock was set by more than a second.
    pub fn steps(&self) -> u64 {
        self.lock().steps
    }

    fn lock(&self) -> MutexGuard<'_, Readings> {
        self.readings.lock()
    }
}

impl Readings {
    fn ahead(&self) -> Option<i128> {
        self.seconds.iter().map(|(_, ahead)| *ahead).max()
    }
}

/// The clock of a store in this process: the machine's wall clock, but never backwards.
///
/// Forward steps are followed, since a suspended machine looks the same. After a backward step the clock is slewed by
/// five milliseconds a second.
pub struct StoreClock {
    monotonic: Box<dyn Monotonic>,
    wall: fn() -> Duration,
    last: Mutex<Option<StoreReading>>,
}

struct StoreReading {
    at: Duration,
    now: Duration,
}

impl StoreClock {
    /// Makes a clock on the machine's wall clock.
    pub fn new() -> Self {
        Self::over(Box::new(BootClock), || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    fn over(monotonic: Box<dyn Monotonic>, wall: fn() -> Duration) -> Self {
        Self { monotonic, wall, last: Mutex::new(None) }
    }

    /// Returns the time, which is never before the last one returned.
    pub fn now(&self) -> Timestamp {
        let mut last = self.last.lock();
        let (own, wall) = (self.monotonic.elapsed(), (self.wall)());
        let now = match last.as_ref() {
            Some(last) => wall.max(last.now + own.saturating_sub(last.at).mul_f64(SLEW_RATE)),
            None => wall,
        };
        *last = Some(StoreReading { at: own, now });
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
    struct ManualClock(Arc<AtomicU64>);

    impl ManualClock {
        fn set(&self, millis: u64) {
            self.0.store(millis, Ordering::Relaxed);
        }
    }

    impl Monotonic for ManualClock {
        fn elapsed(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    #[test]
    fn a_late_reading_does_not_set_the_clock_back() {
        let manual = ManualClock::default();
        let clock = Clock::new(Box::new(manual.clone()));
        assert_eq!(clock.now(), None);
        manual.set(1_000);
        clock.observe(Timestamp(501_000));
        manual.set(3_000);
        clock.observe(Timestamp(501_200));
        assert_eq!(clock.now(), Some(Timestamp(503_000)));
    }

    #[test]
    fn a_quick_reading_expires_after_the_window_and_the_clock_stands_still_instead_of_stepping_back() {
        let manual = ManualClock::default();
        let clock = Clock::new(Box::new(manual.clone()));
        clock.observe(Timestamp(500_000));
        manual.set(62_000);
        assert_eq!(clock.now(), Some(Timestamp(562_000)));
        clock.observe(Timestamp(561_800));
        assert_eq!(clock.now(), Some(Timestamp(562_000)));
        manual.set(62_300);
        assert_eq!(clock.now(), Some(Timestamp(562_100)));
    }

    static WALL: AtomicU64 = AtomicU64::new(0);

    #[test]
    fn a_stores_clock_follows_the_wall_clock_forward_and_is_slewed_after_a_step_back() {
        let manual = ManualClock::default();
        let wall = || Duration::from_millis(WALL.load(Ordering::Relaxed));
        let clock = StoreClock::over(Box::new(manual.clone()), wall);
        let at = |own: u64, wall: u64| {
            manual.set(own);
            WALL.store(wall, Ordering::Relaxed);
            clock.now().0
        };
        assert_eq!(at(0, 100_000), 100_000);
        assert_eq!(at(1_000, 101_000), 101_000);
        assert_eq!(at(2_000, 202_000), 202_000, "a step forward is followed");
        assert_eq!(at(3_000, 198_000), 202_995, "a step back is not");
        assert_eq!(at(1_003_000, 1_198_000), 1_198_000, "and the wall clock has caught up");
    }
}
