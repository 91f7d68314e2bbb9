//! The cluster clock, which a node disciplines by the store's answers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use timers::{ClusterTime, Millis, Timestamp};

use crate::store::ahead_of_date;

/// How long a reading of the store's time is used: long enough to contain a quick answer, short enough that a quartz
/// drift of 100 ppm stays under 6 ms.
const WINDOW: Duration = Duration::from_secs(60);

/// The clock stands still for a step back up to this; a larger one means that the store's clock was set, and is followed.
const HOLD_STILL_MAX_MS: u64 = 1000;

/// A reading this far ahead of all others is counted as a step: the store's clock was set, or all answers of the last
/// minute were slow.
const STEP: i128 = 1000;

/// Largest step forward that a reading without a beat makes, in ms. It lets a commit that is stale because of a small step be
/// decided again at once; after a larger step, commands wait for the next beat.
const REFINED_MAX: i128 = 2000;

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
    /// How far the store's own clock is behind cluster time, in ms.
    absorbed: AtomicU64,
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
        Self { monotonic, readings: Mutex::default(), absorbed: AtomicU64::new(0) }
    }

    /// Returns the node's own monotonic time.
    pub fn elapsed(&self) -> Duration {
        self.monotonic.elapsed()
    }

    /// Adds a reading: the store's time, received just now.
    pub fn observe(&self, now: Timestamp) {
        let (second, ahead) = self.reading(now);
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

    /// Adds a reading that does not come with a beat, unless it is the first. Between a change of the store's clock and the
    /// next beat, which absorbs it, such a reading may be wrong; so it moves the clock forward by two seconds at most, and
    /// by no step while one back is absorbed.
    pub fn refine(&self, now: Timestamp) {
        let most = if self.absorbed() == Millis(0) { REFINED_MAX } else { STEP };
        if self.ahead().is_some_and(|best| self.reading(now).1 <= best + most) {
            self.observe(now);
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

    /// Returns cluster time and how far it is ahead of the date; `None` before the first reading.
    pub fn cluster_time(&self) -> Option<ClusterTime> {
        Some(ClusterTime { now: self.now()?, ahead: self.ahead_of_date() })
    }

    /// Returns the date, which clients are shown; `None` before the first reading.
    pub fn date(&self) -> Option<Timestamp> {
        self.cluster_time().map(ClusterTime::date)
    }

    /// Returns how far cluster time is ahead of the date.
    pub fn ahead_of_date(&self) -> Millis {
        ahead_of_date(self.absorbed())
    }

    /// Sets how far the store's own clock is behind cluster time, as the last beat tells.
    pub fn set_absorbed(&self, absorbed: Millis) {
        self.absorbed.store(absorbed.0, Ordering::Release);
    }

    /// Returns how far the store's own clock is behind cluster time.
    pub fn absorbed(&self) -> Millis {
        Millis(self.absorbed.load(Ordering::Acquire))
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

    /// Returns the second of a reading, and how far the store is ahead of the node's own clock.
    fn reading(&self, now: Timestamp) -> (u64, i128) {
        let own = self.elapsed();
        (own.as_secs(), i128::from(now.0) - i128::try_from(own.as_millis()).unwrap_or(i128::MAX))
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
}
