//! The beats that a node has shown, and when it must act to show the next.

use std::time::Duration;

use timers::node::LEASE_DURATION;
use timers::{Beat, Millis, Timestamp};

use crate::store::STEP_BACK_MAX;

/// How late the leader must be before another node takes over: far above a healthy round trip. Together with
/// [`TAKEOVER_JITTER`] and one second it is the longest gap after a leader's death.
pub(crate) const TAKEOVER_AFTER: Millis = Millis(250);

/// Random delay of each follower, so that usually only one sends a request.
pub(crate) const TAKEOVER_JITTER: Duration = Duration::from_millis(100);

/// How long after its second a beat that was not received is shown by the node itself.
const FILL_AFTER: Millis = Millis(450);

/// An older beat is not shown: it was delayed in a buffer or by a stopped process.
const BEAT_AGE_MAX: Millis = Millis(2000);

/// The longest pause between received beats that does not suggest that other nodes lost the store as well: longer than
/// a takeover.
const GAP_MAX: Duration = Duration::from_secs(3);

/// Pause while the node may not fill beats.
const IDLE_PAUSE: Duration = Duration::from_secs(1);

const _: () = assert!(TAKEOVER_AFTER.0 + 100 < FILL_AFTER.0, "a takeover comes before the node fills the beat");
const _: () = assert!(FILL_AFTER.0 < 1000, "every second is shown within itself");

/// The beats that a node has shown, and when it must act. Durations are counted on the node's own monotonic clock.
#[derive(Debug)]
pub(crate) struct BeatSchedule {
    /// How long the node shows beats that it did not receive.
    holdover: Duration,
    last: Beat,
    led: bool,
    heard_at: Option<Duration>,
    /// Since when the store has been heard without a gap.
    steady_since: Duration,
    no_request_before: Duration,
}

/// The node's next action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextStep {
    /// Requests the beat from the store, after this time.
    Request(Duration),
    /// Shows a beat that was not received, after this time.
    Fill(Duration),
}

impl BeatSchedule {
    pub(crate) fn new(holdover: Duration) -> Self {
        Self {
            holdover,
            last: Beat(0),
            led: false,
            heard_at: None,
            steady_since: Duration::ZERO,
            no_request_before: Duration::ZERO,
        }
    }

    /// Takes a beat to show; `false` if it was shown, is too old, or cannot have come yet.
    pub(crate) fn take(&mut self, beat: Beat, now: Timestamp) -> bool {
        let too_old = now.since(beat.instant()) > BEAT_AGE_MAX;
        if beat <= self.last_at(now) || too_old || beat > now.beat().next() {
            return false;
        }
        self.last = beat;
        true
    }

    /// Tells whether a beat is not older than the last one taken.
    pub(crate) fn is_latest(&self, beat: Beat, now: Timestamp) -> bool {
        beat >= self.last_at(now)
    }

    /// Returns the last beat taken.
    pub(crate) fn last(&self) -> Beat {
        self.last
    }

    /// Records that the store was heard, and whether this node leads; returns whether it begins to lead.
    pub(crate) fn record_heard(&mut self, leads: bool, elapsed: Duration) -> bool {
        if self.heard_at.is_none_or(|heard_at| elapsed.saturating_sub(heard_at) > GAP_MAX) {
            self.steady_since = elapsed;
        }
        self.heard_at = Some(elapsed);
        let led = std::mem::replace(&mut self.led, leads);
        leads && !led
    }

    /// Tells whether beats are being received.
    pub(crate) fn is_heard(&self, elapsed: Duration) -> bool {
        self.heard_at.is_some_and(|heard_at| elapsed.saturating_sub(heard_at) <= GAP_MAX)
    }

    /// Tells whether the store has been heard without a gap for the duration of a lease.
    pub(crate) fn is_steady(&self, elapsed: Duration) -> bool {
        self.is_heard(elapsed) && elapsed.saturating_sub(self.steady_since) >= Duration::from_millis(LEASE_DURATION.0)
    }

    /// Forgets the leader: every node may request the next second.
    pub(crate) fn forget_leader(&mut self) {
        self.led = false;
        self.no_request_before = Duration::ZERO;
    }

    /// Sends no request before an instant of the node's own clock.
    pub(crate) fn hold_back(&mut self, until: Duration) {
        self.no_request_before = until;
    }

    /// Returns the beat that should have been received and was not.
    pub(crate) fn missing(&self, now: Timestamp, elapsed: Duration) -> Option<Beat> {
        let beat = (now - FILL_AFTER).beat();
        (self.may_fill(elapsed) && beat > self.last_at(now)).then_some(beat)
    }

    /// Returns the time until the next beat counts as missing.
    pub(crate) fn fill_in(&self, now: Timestamp, elapsed: Duration) -> Duration {
        if !self.may_fill(elapsed) {
            return IDLE_PAUSE;
        }
        let fill_at = self.next_beat(now).instant() + FILL_AFTER;
        Duration::from_millis(fill_at.since(now).0)
    }

    /// Returns what to do next; `vacant` tells that there is no leader.
    pub(crate) fn next_step(&self, now: Timestamp, elapsed: Duration, vacant: bool, jitter: Duration) -> NextStep {
        let begins_in = Duration::from_millis(self.next_beat(now).instant().since(now).0);
        let takeover_in = Duration::from_millis(TAKEOVER_AFTER.0) + jitter;
        let request_in = if self.led || vacant || self.last == Beat(0) {
            begins_in
        } else {
            let late_for = Duration::from_millis(now.since(self.next_beat(now).instant()).0);
            begins_in + takeover_in.saturating_sub(late_for)
        };
        let request_in = request_in.max(self.no_request_before.saturating_sub(elapsed));
        let fill_in = self.fill_in(now, elapsed);
        if request_in <= fill_in || self.last == Beat(0) {
            NextStep::Request(request_in)
        } else {
            NextStep::Fill(fill_in)
        }
    }

    /// Returns the next beat to show: that of the current second, unless it was shown.
    fn next_beat(&self, now: Timestamp) -> Beat {
        self.last_at(now).next().max(now.beat())
    }

    /// Returns the last beat taken. If it is far ahead of `now`, the clock was set back, and beats restart before the
    /// current second.
    fn last_at(&self, now: Timestamp) -> Beat {
        let second = now.beat();
        if self.last.instant().since(second.instant()) > STEP_BACK_MAX { Beat(second.0 - 1) } else { self.last }
    }

    /// Tells whether the time shown is valid: it is before the first beat, and for the holdover after the last one.
    pub(crate) fn is_time_valid(&self, elapsed: Duration) -> bool {
        self.heard_at.is_none_or(|heard_at| elapsed.saturating_sub(heard_at) < self.holdover)
    }

    /// Tells whether the node may show beats that it did not receive.
    fn may_fill(&self, elapsed: Duration) -> bool {
        self.last > Beat(0) && self.is_time_valid(elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JITTER: Duration = Duration::from_millis(30);

    const HOLDOVER: Duration = Duration::from_secs(600);

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn at(beat: u64, millis: u64) -> Timestamp {
        Timestamp(beat * 1000 + millis)
    }

    fn shown(last: u64, led: bool) -> BeatSchedule {
        let mut schedule = BeatSchedule::new(HOLDOVER);
        assert!(schedule.take(Beat(last), at(last, 0)));
        schedule.record_heard(led, millis(0));
        schedule
    }

    #[test]
    fn a_beat_is_taken_once_in_order_and_not_when_it_is_old() {
        let mut schedule = shown(100, false);
        assert!(!schedule.take(Beat(100), at(100, 10)) && !schedule.take(Beat(99), at(100, 10)));
        assert!(!schedule.take(Beat(101), at(103, 1)), "two seconds old");
        assert!(schedule.take(Beat(101), at(103, 0)));
    }

    #[test]
    fn a_leader_requests_the_beat_at_its_second_and_a_follower_when_the_leader_is_late() {
        let next = |schedule: &BeatSchedule, now, vacant| schedule.next_step(now, millis(0), vacant, JITTER);
        assert_eq!(next(&shown(100, true), at(100, 400), false), NextStep::Request(millis(600)));
        assert_eq!(next(&shown(100, false), at(100, 400), false), NextStep::Request(millis(600 + 280)));
        assert_eq!(next(&shown(100, false), at(101, 100), false), NextStep::Request(millis(180)));
        assert_eq!(next(&shown(100, false), at(100, 400), true), NextStep::Request(millis(600)), "there is no leader");
        let mut held = shown(100, true);
        held.hold_back(millis(1_500));
        assert_eq!(next(&held, at(101, 100), false), NextStep::Fill(millis(350)));
        held.forget_leader();
        assert_eq!(next(&held, at(101, 100), true), NextStep::Request(millis(0)));
    }

    #[test]
    fn beats_restart_when_the_clock_was_set_back() {
        let mut schedule = shown(10_000, true);
        assert!(!schedule.take(Beat(9_990), at(9_990, 0)), "a small step back is absorbed");
        let now = at(6_400, 100);
        assert_eq!(schedule.next_step(now, millis(0), false, JITTER), NextStep::Request(millis(0)));
        assert!(!schedule.take(Beat(6_402), now), "it has not come yet");
        assert!(schedule.take(Beat(6_400), now));
        assert!(!schedule.take(Beat(6_400), now), "twice");
        assert_eq!(schedule.last(), Beat(6_400));
    }

    #[test]
    fn leading_begins_once_and_ends() {
        let mut schedule = BeatSchedule::new(HOLDOVER);
        let begins: Vec<bool> =
            [false, true, true, false, true].map(|leads| schedule.record_heard(leads, millis(0))).to_vec();
        assert_eq!(begins, [false, true, false, false, true]);
    }

    #[test]
    fn a_missing_beat_is_shown_for_the_holdover_and_no_longer() {
        let schedule = shown(100, false);
        assert_eq!(schedule.missing(at(101, 449), millis(0)), None);
        assert_eq!(schedule.missing(at(101, 450), millis(0)), Some(Beat(101)));
        assert_eq!(schedule.missing(at(101, 450), HOLDOVER), None);
        assert_eq!(schedule.fill_in(at(101, 450), HOLDOVER), IDLE_PAUSE);
        let blank = BeatSchedule::new(HOLDOVER);
        assert_eq!(blank.missing(at(101, 450), HOLDOVER * 2), None, "there is no last beat");
        assert!(blank.is_time_valid(HOLDOVER * 2), "and no time that could be invalid");
        assert!(!schedule.is_time_valid(HOLDOVER));
    }
}
