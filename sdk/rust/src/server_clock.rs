//! The server's time, derived from the monotonic clock of this machine: measured now and then by requests, and compared
//! with each server time in other messages. The date of this machine may be wrong by any amount.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Samples per measurement; the one with the shortest round trip is used.
const SAMPLES: u32 = 5;

/// An observed time this far in the past is late, or the server's clock was moved: a new measurement is due soon.
const SUSPICIOUS_LAG_MS: f64 = 1_500.0;

/// An observed time this far in the past is none that was delayed: the clock was moved.
const MOVED_MS: f64 = 60_000.0;

/// Validity of a measurement; a bad local clock drifts by some ten milliseconds in that time.
const SYNC_INTERVAL: Duration = Duration::from_mins(10);

/// Delay after a measurement without an answer; each further one doubles it.
const RETRY: Duration = Duration::from_secs(5);

/// A server whose time cannot be requested is asked this seldom.
const RETRY_MAX: Duration = Duration::from_mins(5);

/// The server's time, for values that an application derives from dates of sessions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServerTime {
    epoch: Instant,
    at_epoch_ms: f64,
}

impl ServerTime {
    /// Returns the estimated time of the server at an instant, in milliseconds since 1970.
    #[must_use]
    pub fn at(&self, instant: Instant) -> i64 {
        let since_epoch = instant.saturating_duration_since(self.epoch).as_secs_f64() * 1000.0;
        (since_epoch + self.at_epoch_ms).floor() as i64
    }

    /// Returns the estimated time of the server, in milliseconds since 1970.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.at(Instant::now())
    }
}

/// Returns the date of this machine in milliseconds since 1970, for use before the server's time is known.
pub(crate) fn machine_time() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    elapsed.as_millis().try_into().unwrap_or(i64::MAX)
}

/// Estimates the server's time.
#[derive(Debug)]
pub(crate) struct ServerClock {
    epoch: Instant,
    next_sync_at: Instant,
    /// The measurement in progress.
    measurement: Option<Measurement>,
    /// The server's time at `epoch`; `None` before its first message.
    offset_ms: Option<f64>,
    /// Half the round trip of the measurement; infinite before the first.
    error_ms: f64,
    /// Measurements without an answer since the last one with an answer.
    failures: u32,
    /// The time at `epoch` by which values are displayed while the server's is not known.
    assumed_ms: f64,
}

#[derive(Clone, Copy, Debug)]
struct Measurement {
    begun_at: Instant,
    samples: u32,
    best: Option<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    offset_ms: f64,
    error_ms: f64,
}

impl ServerClock {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            epoch: now,
            next_sync_at: now,
            measurement: None,
            offset_ms: None,
            error_ms: f64::INFINITY,
            failures: 0,
            assumed_ms: f64::NEG_INFINITY,
        }
    }

    /// Returns the estimated time of the server at an instant, in milliseconds since 1970; `None` before its first
    /// message.
    pub(crate) fn at(&self, now: Instant) -> Option<i64> {
        self.time().map(|time| time.at(now))
    }

    /// Returns the current estimate.
    pub(crate) fn time(&self) -> Option<ServerTime> {
        self.offset_ms.map(|at_epoch_ms| ServerTime { epoch: self.epoch, at_epoch_ms })
    }

    /// Returns the time by which values are displayed: the server's, or while that cannot be measured the date of this
    /// machine, but no earlier than what the server has told of.
    pub(crate) fn display_time(&mut self, told_ms: i64, unix_now: i64, now: Instant) -> Option<i64> {
        if self.offset_ms.is_some() || self.failures == 0 {
            return self.at(now);
        }
        let local_ms = self.local_ms(now);
        self.assumed_ms = self.assumed_ms.max(unix_now.max(told_ms) as f64 - local_ms);
        Some((self.assumed_ms + local_ms).floor() as i64)
    }

    /// Returns when the server's time reaches its next whole second, and that second.
    pub(crate) fn next_second(&self, now: Instant) -> (Instant, i64) {
        let estimate = self.estimate(now);
        let second = (estimate / 1000.0).floor() * 1000.0 + 1000.0;
        // Rounded up, so that the second has begun then.
        let wait_ms = (second - estimate).ceil().clamp(1.0, 1000.0);
        (now + Duration::from_millis(wait_ms as u64), second as i64)
    }

    /// Makes a measurement due, for example on a new connection.
    pub(crate) fn invalidate(&mut self, now: Instant) {
        self.next_sync_at = now;
        self.measurement = None;
    }

    /// Begins a measurement if one is due. Then the caller requests the server's time.
    pub(crate) fn begin_if_due(&mut self, now: Instant) -> bool {
        let is_due = self.measurement.is_none() && now >= self.next_sync_at;
        if is_due {
            self.measurement = Some(Measurement { begun_at: now, samples: 0, best: None });
        }
        is_due
    }

    /// Processes an answer. Returns whether the caller requests the time once more.
    pub(crate) fn sample(&mut self, sent_at: Instant, server_ms: f64, received_at: Instant) -> bool {
        // The answer to a request of a measurement that was given up says nothing: the machine may have slept since.
        let Some(mut measurement) = self.measurement.take_if(|current| current.begun_at <= sent_at) else {
            return false;
        };
        let (sent, received) = (self.local_ms(sent_at), self.local_ms(received_at));
        let sample = Sample { offset_ms: server_ms - f64::midpoint(sent, received), error_ms: (received - sent) / 2.0 };
        if measurement.best.is_none_or(|best| sample.error_ms < best.error_ms) {
            measurement.best = Some(sample);
        }
        measurement.samples += 1;
        let is_complete = measurement.samples == SAMPLES;
        if is_complete {
            self.finish(measurement, received_at);
        } else {
            self.measurement = Some(measurement);
        }
        !is_complete
    }

    /// Ends a measurement whose request has no answer.
    pub(crate) fn fail(&mut self, now: Instant) {
        if let Some(measurement) = self.measurement.take() {
            self.finish(measurement, now);
        }
    }

    /// Processes a server time from a message. It is a lower bound of the server's current time.
    pub(crate) fn observe(&mut self, server_ms: i64, now: Instant) {
        let ahead_ms = server_ms as f64 - self.estimate(now);
        if ahead_ms > 0.0 || self.error_ms.is_infinite() || ahead_ms < -MOVED_MS {
            self.offset_ms = Some(self.offset_ms.unwrap_or_default() + ahead_ms);
        }
        if ahead_ms < -SUSPICIOUS_LAG_MS && !self.error_ms.is_infinite() {
            self.next_sync_at = self.next_sync_at.min(now + RETRY);
        }
    }

    fn finish(&mut self, measurement: Measurement, now: Instant) {
        if let Some(best) = measurement.best {
            (self.offset_ms, self.error_ms, self.failures) = (Some(best.offset_ms), best.error_ms, 0);
            self.next_sync_at = now + SYNC_INTERVAL;
        } else {
            self.next_sync_at = now + RETRY.saturating_mul(2_u32.saturating_pow(self.failures)).min(RETRY_MAX);
            self.failures = self.failures.saturating_add(1);
        }
    }

    fn estimate(&self, now: Instant) -> f64 {
        self.local_ms(now) + self.offset_ms.unwrap_or_default()
    }

    fn local_ms(&self, now: Instant) -> f64 {
        now.saturating_duration_since(self.epoch).as_secs_f64() * 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_sample_with_the_shortest_round_trip_counts() {
        let start = Instant::now();
        let mut clock = ServerClock::new(start);
        assert!(clock.begin_if_due(start) && !clock.begin_if_due(start));
        for (nth, round_trip) in [80, 10, 40, 200, 90].into_iter().enumerate() {
            let sent = start + MS * (1_000 * nth as u32);
            // The server's clock is at 5,000,000 when the client's is at 0, and the answer takes the whole round trip.
            let server_ms = 5_000_000.0 + 1_000.0 * nth as f64;
            assert_eq!(clock.sample(sent, server_ms, sent + MS * round_trip), nth < 4);
        }
        assert_eq!(clock.at(start + MS * 10_000), Some(5_010_000 - 5));
        assert!(!clock.begin_if_due(start + Duration::from_mins(10)));
        assert!(clock.begin_if_due(start + Duration::from_mins(11)));
    }

    #[test]
    fn a_later_time_in_a_message_corrects_the_estimate_and_an_earlier_one_makes_it_doubtful() {
        let start = Instant::now();
        let mut clock = ServerClock::new(start);
        assert_eq!(clock.at(start), None);
        clock.observe(9_000, start);
        assert_eq!(clock.at(start + MS * 500), Some(9_500));
        clock.begin_if_due(start);
        while clock.sample(start, 9_000.0, start) {}
        clock.observe(9_800, start + MS * 500);
        assert_eq!(clock.at(start + MS * 500), Some(9_800));
        clock.observe(9_000, start + MS * 3_000);
        assert_eq!(clock.at(start + MS * 3_000), Some(12_300));
        assert!(clock.begin_if_due(start + MS * 8_000));
        clock.fail(start + MS * 8_000);
        assert!(!clock.begin_if_due(start + MS * 12_999) && clock.begin_if_due(start + MS * 13_000));
        clock.observe(200_000_000, start);
        clock.observe(9_000, start);
        assert_eq!(clock.at(start), Some(9_000), "the server's clock was set back");
    }

    #[test]
    fn the_next_whole_second_is_reached_when_it_is_due() {
        let start = Instant::now();
        let mut clock = ServerClock::new(start);
        clock.observe(9_300, start);
        assert_eq!(clock.next_second(start), (start + MS * 700, 10_000));
        assert_eq!(clock.next_second(start + MS * 700), (start + MS * 1_700, 11_000));
    }

    #[test]
    fn a_time_that_is_not_answered_is_requested_less_often_until_it_is() {
        let mut now = Instant::now();
        let mut clock = ServerClock::new(now);
        for seconds in [5, 10, 20, 40, 80, 160, 300, 300] {
            assert!(clock.begin_if_due(now));
            clock.fail(now);
            now += Duration::from_secs(seconds) - MS;
            assert!(!clock.begin_if_due(now), "{seconds} s");
            now += MS;
        }
        assert!(clock.begin_if_due(now));
        while clock.sample(now, 9_000.0, now) {}
        now += SYNC_INTERVAL;
        assert!(clock.begin_if_due(now));
        clock.fail(now);
        assert!(clock.begin_if_due(now + RETRY));
    }

    #[test]
    fn without_the_servers_time_values_are_displayed_by_the_date_and_not_before_what_the_server_has_told() {
        let start = Instant::now();
        let mut clock = ServerClock::new(start);
        assert_eq!(clock.display_time(0, 70_000, start), None, "the answer can arrive");
        clock.begin_if_due(start);
        clock.fail(start);
        assert_eq!(clock.display_time(0, 70_000, start), Some(70_000));
        assert_eq!(clock.display_time(90_000, 71_000, start + MS * 1_000), Some(90_000));
        assert_eq!(clock.display_time(90_000, 72_000, start + MS * 2_000), Some(91_000));
        assert_eq!(clock.at(start), None, "the server's time is not known");
        clock.observe(80_000, start + MS * 3_000);
        assert_eq!(clock.display_time(90_000, 73_000, start + MS * 3_000), Some(80_000));
    }

    #[test]
    fn an_answer_from_before_a_measurement_does_not_count() {
        let start = Instant::now();
        let mut clock = ServerClock::new(start);
        clock.begin_if_due(start);
        clock.invalidate(start + MS);
        clock.begin_if_due(start + MS);
        assert!(!clock.sample(start, 5_000.0, start + MS));
        while clock.sample(start + MS, 9_000.0, start + MS) {}
        assert_eq!(clock.at(start + MS), Some(9_000));
    }
}
