//! Which beats a node has shown, and when it has to do something about the next.

use std::time::Duration;

use timers::node::LEASE;
use timers::{Beat, Millis, Timestamp};

use crate::store::STEP_BACK_MAX;

/// How late the leader must be before another takes over: far above a healthy round trip, and together
/// with [`TAKEOVER_JITTER`] and one second the longest gap after a leader's death.
pub(crate) const TAKEOVER_AFTER: Millis = Millis(250);

/// Spreads the followers, so that mostly one asks.
pub(crate) const TAKEOVER_JITTER: Duration = Duration::from_millis(100);

/// How long after its second an unheard beat is shown all the same.
const UNHEARD_AFTER: Millis = Millis(450);

/// A beat older than this is not shown: it was stuck in a buffer or in a stopped process.
const BEAT_AGE_MAX: Millis = Millis(2000);

/// A pause between beats in which others may not have reached the store either: longer than a takeover.
const GAP: Duration = Duration::from_secs(3);

/// Pause while the node has nothing to reckon from.
const NOTHING_TO_FILL: Duration = Duration::from_secs(1);

const _: () = assert!(TAKEOVER_AFTER.0 + 100 < UNHEARD_AFTER.0, "a takeover comes before the node helps itself");
const _: () = assert!(UNHEARD_AFTER.0 < 1000, "every second is shown within itself");

/// Which beats a node has shown. Spans are counted on the node's own monotonic clock.
#[derive(Debug)]
pub(crate) struct Cursor {
    /// How long beats are shown that were not heard.
    holdover: Duration,
    last: Beat,
    led: bool,
    heard_at: Option<Duration>,
    /// Since when it was heard without a gap.
    steady_since: Duration,
    ask_not_before: Duration,
}

/// What a node does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Asks the store for the beat, after this long.
    Ask(Duration),
    /// Shows a beat that was not heard, after this long.
    Fill(Duration),
}

impl Cursor {
    pub(crate) fn new(holdover: Duration) -> Self {
        Self {
            holdover,
            last: Beat(0),
            led: false,
            heard_at: None,
            steady_since: Duration::ZERO,
            ask_not_before: Duration::ZERO,
        }
    }

    /// Takes a beat to be shown; `false` if it was shown, is too old to be of use, or can't be yet.
    pub(crate) fn take(&mut self, beat: Beat, now: Timestamp) -> bool {
        let too_old = now.since(beat.instant()) > BEAT_AGE_MAX;
        if beat <= self.last_by(now) || too_old || beat > now.beat().next() {
            return false;
        }
        self.last = beat;
        true
    }

    /// Returns the last beat taken.
    pub(crate) fn last(&self) -> Beat {
        self.last
    }

    /// Notes that the store was heard, and whether this node leads; `true` if it did not before.
    pub(crate) fn heard(&mut self, leads: bool, elapsed: Duration) -> bool {
        if self.heard_at.is_none_or(|heard_at| elapsed.saturating_sub(heard_at) > GAP) {
            self.steady_since = elapsed;
        }
        self.heard_at = Some(elapsed);
        let led = std::mem::replace(&mut self.led, leads);
        leads && !led
    }

    /// Tells whether beats are being heard.
    pub(crate) fn is_heard(&self, elapsed: Duration) -> bool {
        self.heard_at.is_some_and(|heard_at| elapsed.saturating_sub(heard_at) <= GAP)
    }

    /// Tells whether the store was heard without a gap for as long as a lease lasts.
    pub(crate) fn is_steady(&self, elapsed: Duration) -> bool {
        self.is_heard(elapsed) && elapsed.saturating_sub(self.steady_since) >= Duration::from_millis(LEASE.0)
    }

    /// Forgets the leader: the next second is open to all.
    pub(crate) fn vacant(&mut self) {
        self.led = false;
        self.ask_not_before = Duration::ZERO;
    }

    /// Asks no more before an instant of the node's own clock.
    pub(crate) fn hold_back(&mut self, until: Duration) {
        self.ask_not_before = until;
    }

    /// Returns the beat that should have been heard and was not.
    pub(crate) fn unheard(&self, now: Timestamp, elapsed: Duration) -> Option<Beat> {
        let beat = (now - UNHEARD_AFTER).beat();
        (self.reckons(elapsed) && beat > self.last_by(now)).then_some(beat)
    }

    /// Returns how long until there is an unheard beat.
    pub(crate) fn fill_in(&self, now: Timestamp, elapsed: Duration) -> Duration {
        if !self.reckons(elapsed) {
            return NOTHING_TO_FILL;
        }
        let fill_at = self.coming(now).instant() + UNHEARD_AFTER;
        Duration::from_millis(fill_at.since(now).0)
    }

    /// Returns what to do next; `vacant` if nobody leads.
    pub(crate) fn next(&self, now: Timestamp, elapsed: Duration, vacant: bool, jitter: Duration) -> Next {
        let begins_in = Duration::from_millis(self.coming(now).instant().since(now).0);
        let patience = Duration::from_millis(TAKEOVER_AFTER.0) + jitter;
        let ask_in = if self.led || vacant || self.last == Beat(0) {
            begins_in
        } else {
            let late_for = Duration::from_millis(now.since(self.coming(now).instant()).0);
            begins_in + patience.saturating_sub(late_for)
        };
        let ask_in = ask_in.max(self.ask_not_before.saturating_sub(elapsed));
        let fill_in = self.fill_in(now, elapsed);
        if ask_in <= fill_in || self.last == Beat(0) { Next::Ask(ask_in) } else { Next::Fill(fill_in) }
    }

    /// The beat that is the next to be shown: of the second that is on, if it was not.
    fn coming(&self, now: Timestamp) -> Beat {
        self.last_by(now).next().max(now.beat())
    }

    /// The last beat taken. One far ahead is of a clock that was put right since: beats are counted anew.
    fn last_by(&self, now: Timestamp) -> Beat {
        let second = now.beat();
        if self.last.instant().since(second.instant()) > STEP_BACK_MAX { Beat(second.0 - 1) } else { self.last }
    }

    /// Tells whether the time shown is certain enough to go on; before there was any it is.
    pub(crate) fn is_certain(&self, elapsed: Duration) -> bool {
        self.heard_at.is_none_or(|heard_at| elapsed.saturating_sub(heard_at) < self.holdover)
    }

    /// Whether the node may show beats that it did not hear.
    fn reckons(&self, elapsed: Duration) -> bool {
        self.last > Beat(0) && self.is_certain(elapsed)
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

    fn shown(last: u64, led: bool) -> Cursor {
        let mut cursor = Cursor::new(HOLDOVER);
        assert!(cursor.take(Beat(last), at(last, 0)));
        cursor.heard(led, millis(0));
        cursor
    }

    #[test]
    fn a_beat_is_taken_once_in_order_and_not_when_it_is_old() {
        let mut cursor = shown(100, false);
        assert!(!cursor.take(Beat(100), at(100, 10)) && !cursor.take(Beat(99), at(100, 10)));
        assert!(!cursor.take(Beat(101), at(103, 1)), "two seconds old");
        assert!(cursor.take(Beat(101), at(103, 0)));
    }

    #[test]
    fn a_leader_asks_when_the_second_begins_and_a_follower_when_the_leader_is_late() {
        let next = |cursor: &Cursor, now, vacant| cursor.next(now, millis(0), vacant, JITTER);
        assert_eq!(next(&shown(100, true), at(100, 400), false), Next::Ask(millis(600)));
        assert_eq!(next(&shown(100, false), at(100, 400), false), Next::Ask(millis(600 + 280)));
        assert_eq!(next(&shown(100, false), at(101, 100), false), Next::Ask(millis(180)));
        assert_eq!(next(&shown(100, false), at(100, 400), true), Next::Ask(millis(600)), "nobody leads");
        let mut held = shown(100, true);
        held.hold_back(millis(1_500));
        assert_eq!(next(&held, at(101, 100), false), Next::Fill(millis(350)));
        held.vacant();
        assert_eq!(next(&held, at(101, 100), true), Next::Ask(millis(0)));
    }

    #[test]
    fn beats_are_counted_anew_when_the_clock_was_put_right() {
        let mut cursor = shown(10_000, true);
        assert!(!cursor.take(Beat(9_990), at(9_990, 0)), "a small step back is not one");
        let now = at(6_400, 100);
        assert_eq!(cursor.next(now, millis(0), false, JITTER), Next::Ask(millis(0)));
        assert!(!cursor.take(Beat(6_402), now), "it has not come yet");
        assert!(cursor.take(Beat(6_400), now));
        assert!(!cursor.take(Beat(6_400), now), "twice");
        assert_eq!(cursor.last(), Beat(6_400));
    }

    #[test]
    fn leading_begins_once_and_ends() {
        let mut cursor = Cursor::new(HOLDOVER);
        let told: Vec<bool> = [false, true, true, false, true].map(|leads| cursor.heard(leads, millis(0))).to_vec();
        assert_eq!(told, [false, true, false, false, true]);
    }

    #[test]
    fn a_beat_unheard_is_shown_for_the_holdover_and_no_longer() {
        let cursor = shown(100, false);
        assert_eq!(cursor.unheard(at(101, 449), millis(0)), None);
        assert_eq!(cursor.unheard(at(101, 450), millis(0)), Some(Beat(101)));
        assert_eq!(cursor.unheard(at(101, 450), HOLDOVER), None);
        assert_eq!(cursor.fill_in(at(101, 450), HOLDOVER), NOTHING_TO_FILL);
        let blank = Cursor::new(HOLDOVER);
        assert_eq!(blank.unheard(at(101, 450), HOLDOVER * 2), None, "there is nothing to go on from");
        assert!(blank.is_certain(HOLDOVER * 2), "nor anything to be uncertain of");
        assert!(!cursor.is_certain(HOLDOVER));
    }
}
