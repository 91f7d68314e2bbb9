//! The clock of a store in this process, and the absorption of steps back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use timers::{Millis, Timestamp};

use crate::clock::{BootClock, Monotonic};
use crate::store::{ABSORBED_AS_DATE_MAX, ahead_of_date};

/// A smaller difference between two clocks is no step of one of them.
const TOLERANCE: Duration = Duration::from_secs(1);

/// A store whose clock is this little ahead of its last beat has made no large step: beats come each second.
const CONTINUES_WITHIN: Millis = Millis(3000);

/// The part of the time that passes by which an absorbed step is returned: five milliseconds a second, which no display
/// shows.
const SLEW: f64 = 0.005;

/// A store's time, which never goes back, and how far the store's own clock is behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreTime {
    /// The store's time.
    pub now: Timestamp,
    /// The steps back of the store's own clock that are absorbed in its time.
    pub absorbed: Millis,
}

/// Returns how far a store's time is ahead of the store's own clock, after that clock says `own` while the store's time
/// is expected to be `expected`. A step back is absorbed. A step forward returns what is absorbed, as far as possible.
pub(crate) fn absorb(absorbed: Duration, expected: Duration, own: Duration) -> Duration {
    let now = own + absorbed;
    if expected > now + TOLERANCE {
        absorbed + (expected - now)
    } else if now > expected + TOLERANCE {
        absorbed.saturating_sub(now - expected)
    } else {
        absorbed
    }
}

/// Returns the time that a store without a clock of its own expects: the last time that it told, or the time that a node
/// tells if that is later. `continued` is the store's time if its clock made no step.
///
/// A store whose clock continues from the last time that it told has made no large step: then the node's clock has.
pub(crate) fn known_time(last: Timestamp, told: Option<Timestamp>, continued: Timestamp) -> Timestamp {
    let continues = continued >= last && continued.since(last) < CONTINUES_WITHIN;
    let told = told.unwrap_or(continued);
    if continues && told.since(continued) >= ABSORBED_AS_DATE_MAX { continued } else { told.max(last) }
}

/// The clock of a store in this process: the machine's wall clock, but never backwards.
///
/// Forward steps are followed, since a suspended machine looks the same. Steps back are absorbed: the time continues,
/// ahead of the wall clock. Small ones are returned by five milliseconds a second; of larger ones, dates follow the wall
/// clock ([`ahead_of_date`]).
pub struct StoreClock {
    monotonic: Box<dyn Monotonic>,
    wall: Box<dyn Fn() -> Duration + Send + Sync>,
    last: Mutex<Option<Reading>>,
}

struct Reading {
    /// The monotonic time.
    elapsed: Duration,
    now: Duration,
    absorbed: Duration,
}

impl StoreClock {
    /// Makes a clock on the machine's wall clock.
    pub fn new() -> Self {
        let wall = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::over(Box::new(BootClock), Box::new(wall))
    }

    fn over(monotonic: Box<dyn Monotonic>, wall: Box<dyn Fn() -> Duration + Send + Sync>) -> Self {
        Self { monotonic, wall, last: Mutex::new(None) }
    }

    /// Continues from the last recorded time of a store that was closed. If the wall clock was set back meanwhile, the time
    /// continues from `unrecorded` after that record, the longest time for which it may have been told since.
    ///
    /// Returns how far the wall clock had gone back, zero if it had not.
    pub fn resume(&self, recorded: StoreTime, unrecorded: Duration) -> Millis {
        let (elapsed, wall) = (self.monotonic.elapsed(), (self.wall)());
        let (last, absorbed) = (duration(recorded.now.0), duration(recorded.absorbed.0));
        let now = wall + absorbed;
        let back = last.saturating_sub(now);
        let now = if back > TOLERANCE { last + unrecorded } else { now.max(last) };
        *self.last.lock() = Some(Reading { elapsed, now, absorbed: now.saturating_sub(wall) });
        if back > TOLERANCE { millis(back) } else { Millis(0) }
    }

    /// Returns the time, which is never before the last one returned.
    pub fn now(&self) -> Timestamp {
        self.read().now
    }

    /// Returns the time, and how far the wall clock is behind it.
    pub fn read(&self) -> StoreTime {
        let mut last = self.last.lock();
        let (elapsed, wall) = (self.monotonic.elapsed(), (self.wall)());
        let (now, absorbed) = match last.as_ref() {
            Some(last) => last.next(elapsed, wall),
            None => (wall, Duration::ZERO),
        };
        *last = Some(Reading { elapsed, now, absorbed });
        StoreTime { now: Timestamp(millis(now).0), absorbed: millis(absorbed) }
    }
}

impl Default for StoreClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Reading {
    fn next(&self, elapsed: Duration, wall: Duration) -> (Duration, Duration) {
        let passed = elapsed.saturating_sub(self.elapsed);
        let absorbed = absorb(self.absorbed, self.now + passed, wall);
        let kept = duration(ahead_of_date(millis(absorbed)).0);
        let absorbed = absorbed.saturating_sub(passed.mul_f64(SLEW)).max(kept.min(absorbed));
        ((wall + absorbed).max(self.now), absorbed)
    }
}

fn duration(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn millis(duration: Duration) -> Millis {
    Millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

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

    #[derive(Default)]
    struct Machine {
        monotonic: ManualClock,
        wall: ManualClock,
    }

    impl Machine {
        fn clock(&self) -> StoreClock {
            let wall = self.wall.clone();
            StoreClock::over(Box::new(self.monotonic.clone()), Box::new(move || wall.elapsed()))
        }

        fn set(&self, monotonic: u64, wall: u64) {
            self.monotonic.set(monotonic);
            self.wall.set(wall);
        }

        fn read(&self, clock: &StoreClock, monotonic: u64, wall: u64) -> (u64, u64) {
            self.set(monotonic, wall);
            let StoreTime { now, absorbed } = clock.read();
            (now.0, absorbed.0)
        }
    }

    #[test]
    fn a_step_forward_is_followed_and_a_small_step_back_is_returned_little_by_little() {
        let machine = Machine::default();
        let clock = machine.clock();
        let at = |monotonic, wall| machine.read(&clock, monotonic, wall);
        assert_eq!(at(0, 100_000), (100_000, 0));
        assert_eq!(at(1_000, 101_000), (101_000, 0));
        assert_eq!(at(2_000, 202_000), (202_000, 0), "a step forward is followed");
        assert_eq!(at(3_000, 198_000), (202_995, 4_995), "a step back is not");
        assert_eq!(at(1_003_000, 1_198_000), (1_198_000, 0), "and the wall clock has caught up");
        assert_eq!(at(1_003_500, 1_197_900), (1_198_000, 0), "time stands still for a part of a second");
    }

    #[test]
    fn a_step_back_of_hours_stays_absorbed_in_whole_seconds_until_the_clock_is_corrected() {
        let machine = Machine::default();
        let clock = machine.clock();
        let (hours, born) = (7_200_000, 10_000_000_000);
        assert_eq!(machine.read(&clock, 0, born), (born, 0));
        for second in 1..=300 {
            let (now, absorbed) = machine.read(&clock, second * 1000, born + second * 1000 - hours - 300);
            let passed = second * 1000;
            assert!((passed - 300..=passed).contains(&(now - born)), "{now} at second {second}");
            assert!((hours..=hours + 300).contains(&absorbed), "{absorbed} at second {second}");
        }
        assert_eq!(machine.read(&clock, 301_000, born + 300_700 - hours), (born + 300_700, hours), "forward as fast");
        assert_eq!(machine.read(&clock, 302_000, born + 301_700), (born + 301_700, 0), "the clock is corrected");
    }

    #[test]
    fn time_continues_from_the_recorded_one_when_the_clock_was_set_back_while_the_store_was_closed() {
        let recorded = StoreTime { now: Timestamp(10_000_000), absorbed: Millis(0) };
        let resumed = |recorded, wall| {
            let machine = Machine::default();
            machine.set(5, wall);
            let clock = machine.clock();
            let back = clock.resume(recorded, Duration::from_secs(5));
            (back.0, machine.read(&clock, 5, wall))
        };
        assert_eq!(resumed(recorded, 10_400_000), (0, (10_400_000, 0)), "the time that passed counts");
        assert_eq!(resumed(recorded, 2_800_000), (7_200_000, (10_005_000, 7_205_000)));
        assert_eq!(resumed(recorded, 9_999_400), (0, (10_000_000, 600)), "a part of a second is no step");
        let ahead = StoreTime { absorbed: Millis(7_205_000), ..recorded };
        assert_eq!(resumed(ahead, 2_900_000), (0, (10_105_000, 7_205_000)), "what is absorbed stays so");
    }
}
