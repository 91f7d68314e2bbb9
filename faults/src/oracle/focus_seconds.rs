//! Bounds of the seconds of a focus session, from what its devices know: a count second by second, in which each instant lies
//! between a request and its answer.

use std::time::Duration;

use super::disturbed::recovered_at;
use crate::cluster::{Disturbance, DisturbanceKind};
use crate::focus::IDLE_AFTER;
use crate::focus::log::{DepartureKind, Exchange, SessionLog, SocketLog};

/// How far the clocks of nodes and the delivery of a message may be off, ms.
const TOLERANCE: i64 = 200;

/// Age of a node's last renewal of its lease, ms: its sockets were there at least until then.
const RENEWAL: i64 = 2500;

/// Time after which a dead node is known to be dead, ms: its lease, and a moment in which it is missed.
const LEASE: i64 = 8500;

/// Shortest disturbance that may cost a living node its lease, ms. The lease lasts 8 s and is renewed every 2.5 s.
const LEASE_LOSS: i64 = 4000;

/// Time after a disturbance in which a node tells that its sockets go on, ms.
const GOING_ON: i64 = 5000;

/// Age of activity that a node has not stored yet, ms.
const UNSTORED: i64 = 5000;

/// Longest pause before a node stores activity again that an unavailable store has not taken, ms.
const STORE_RETRY: i64 = 11_000;

/// Time after which a node that stood still has read what it was sent, ms.
const CATCHING_UP: i64 = 1000;

/// Time after which a request that was not answered has no effect, ms.
const LIFETIME: i64 = 8000;

/// Longest gap between two sockets that counts, ms.
const RETURN_WITHIN: i64 = 30_000;

const SECOND: i64 = 1000;

/// A time that no event reaches.
const NEVER: i64 = i64::MAX / 4;

/// How the counters were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// A socket has ended the session, and has stored its activity with that.
    EndBySocket(usize),
    /// A request over HTTP, which does not know activity that a node has not stored.
    Request,
    /// All sockets were gone.
    AtRest,
}

/// The least and the most.
pub(super) type Bounds = (u64, u64);

/// Bounds of counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CounterBounds {
    pub(super) elapsed: Bounds,
    pub(super) active: Bounds,
    pub(super) idle: Bounds,
}

/// A period, or an instant that is somewhere in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    from: i64,
    until: i64,
}

/// An activity somewhere in a period.
#[derive(Clone, Copy, Debug)]
struct Activity {
    at: Range,
    is_certain: bool,
}

/// A pause: when it began, and when it ended.
#[derive(Clone, Copy, Debug)]
struct Pause {
    began: Range,
    ended: Range,
}

/// What is known of a session at a reading.
struct Timeline<'t> {
    log: &'t SessionLog,
    reading: Reading,
    read: Range,
    disturbances: &'t [Disturbance],
    pauses: Vec<Pause>,
    /// When the session was certainly tracked, and when it may have been.
    certain: Vec<Range>,
    possible: Vec<Range>,
    activity: Vec<Activity>,
}

/// Returns the bounds of the counters of a session that were read in a period.
pub(super) fn bounds(
    log: &SessionLog,
    reading: Reading,
    read: (Duration, Duration),
    disturbances: &[Disturbance],
) -> CounterBounds {
    let read = Range { from: ms(read.0) - TOLERANCE, until: ms(read.1) + TOLERANCE };
    let (pauses, certain, possible, activity) = (vec![], vec![], vec![], vec![]);
    let mut timeline = Timeline { log, reading, read, disturbances, pauses, certain, possible, activity };
    timeline.pauses = timeline.pauses();
    timeline.certain = timeline.certain();
    timeline.possible = timeline.possible();
    let starts = timeline.interval_starts();
    timeline.activity = timeline.activity(&starts);
    let mut bounds = timeline.count(&starts);
    if log.statuses.iter().any(|change| change.is_repeated) {
        // An attempt that was not answered may have paused the session later.
        (bounds.elapsed.0, bounds.active.0, bounds.idle.0) = (0, 0, 0);
        bounds.elapsed.1 += 1;
        (bounds.active.1, bounds.idle.1) = (bounds.elapsed.1, bounds.elapsed.1);
    }
    bounds
}

impl Timeline<'_> {
    fn pauses(&self) -> Vec<Pause> {
        let starts = self.log.sockets.iter().flat_map(|socket| &socket.starts);
        let resumptions = self.log.statuses.iter().filter(|change| !change.is_pause).map(|change| &change.exchange);
        let resumptions: Vec<&Exchange> = starts.chain(resumptions).collect();
        let pauses = self.log.statuses.iter().filter(|change| change.is_pause).map(|change| {
            let began = range(&change.exchange);
            let may_end = resumptions.iter().map(|it| range(it)).filter(|it| it.until >= began.from);
            let from = may_end.map(|it| it.from.max(began.from)).min().unwrap_or(NEVER);
            let ends = resumptions.iter().filter(|it| it.answered.is_some()).map(|it| range(it));
            let until = ends.filter(|it| it.from + TOLERANCE >= began.until - TOLERANCE).map(|it| it.until).min();
            Pause { began, ended: Range { from, until: until.unwrap_or(NEVER) } }
        });
        let mut pauses: Vec<Pause> = pauses.collect();
        pauses.sort_by_key(|pause| pause.began.from);
        pauses
    }

    /// Returns when the session was certainly tracked, gaps that count included.
    fn certain(&self) -> Vec<Range> {
        let sockets = self.log.sockets.iter().filter_map(|socket| {
            let from = ms(socket.started()?) + TOLERANCE;
            Some(Range { from, until: self.certainly_until(socket) }).filter(|range| range.from <= range.until)
        });
        merged(sockets.collect(), |gap| {
            let is_paused = |pause: &Pause| pause.began.from <= gap.until && gap.from <= pause.ended.until;
            gap.until - gap.from <= RETURN_WITHIN - TOLERANCE && !self.pauses.iter().any(is_paused)
        })
    }

    fn certainly_until(&self, socket: &SocketLog) -> i64 {
        let departure = socket.departure.map(|departure| ms(departure.from) - TOLERANCE);
        let gone = departure.unwrap_or(NEVER).min(self.read.from);
        if let Some(killed_at) = killed_at(socket).filter(|at| at - TOLERANCE <= gone) {
            return killed_at - TOLERANCE - RENEWAL;
        }
        // An end or a pause meanwhile finds the session without this socket.
        let mut moments = self.pauses.iter().map(|pause| pause.began.from).chain([gone]);
        let lost = self.lease_losses(socket.node).find(|loss| moments.any(|at| loss.from <= at && at <= loss.until));
        lost.map_or(gone, |loss| gone.min(loss.from))
    }

    /// Returns when a living node may have been taken for dead.
    fn lease_losses(&self, node: usize) -> impl Iterator<Item = Range> {
        let of_node = self.disturbances.iter().filter(move |it| it.node == node && it.kind != DisturbanceKind::Stalled);
        let periods = of_node.map(|it| Range { from: ms(it.from), until: ms(it.until) });
        let long = periods.filter(|period| period.until - period.from >= LEASE_LOSS);
        long.map(|period| Range { from: period.from - RENEWAL - TOLERANCE, until: period.until + GOING_ON })
    }

    fn possible(&self) -> Vec<Range> {
        let sockets = self.log.sockets.iter().filter_map(|socket| {
            let from = ms(socket.starts.first()?.sent) - TOLERANCE;
            Some(Range { from, until: self.possibly_until(socket).max(from) })
        });
        merged(sockets.collect(), |gap| gap.until - gap.from <= RETURN_WITHIN + 2 * TOLERANCE)
    }

    fn possibly_until(&self, socket: &SocketLog) -> i64 {
        let Some(departure) = socket.departure else { return self.read.until };
        let until = ms(departure.until) + TOLERANCE;
        let until = match departure.kind {
            // Another node cannot know of it before the lease has ended.
            DepartureKind::Lost if self.reading != Reading::AtRest => until + LEASE,
            DepartureKind::Lost => until,
            DepartureKind::Dropped | DepartureKind::Told if socket.started().is_none() => until + LIFETIME,
            DepartureKind::Dropped | DepartureKind::Told => self.stored(socket.node, ms(departure.from), until),
        };
        until.min(self.read.until)
    }

    /// Returns when a node has stored that a socket has gone, at the latest.
    fn stored(&self, node: usize, from: i64, until: i64) -> i64 {
        let of_node = self.disturbances.iter().filter(|it| it.node == node);
        let during = of_node.filter(|it| ms(it.from) <= until && from <= ms(recovered_at(it)));
        during.map(|it| ms(recovered_at(it))).max().unwrap_or(until).max(until)
    }

    /// Returns when a node has read what it was sent at an instant, at the latest.
    fn read_by(&self, node: usize, at: i64) -> i64 {
        let of_node = self.disturbances.iter().filter(|it| it.node == node);
        let still = of_node.filter(|it| it.kind != DisturbanceKind::Disconnected);
        let until = still.map(|it| (ms(it.from), ms(it.until) + CATCHING_UP));
        let during = until.filter(|&(from, until)| from <= at + TOLERANCE && at <= until);
        during.map(|(_, until)| until).max().unwrap_or(at).max(at + TOLERANCE)
    }

    /// Returns when intervals began: with the first socket, and after each pause.
    fn interval_starts(&self) -> Vec<Range> {
        let starts: Vec<&Exchange> = self.log.sockets.iter().flat_map(|socket| &socket.starts).collect();
        let answered = || starts.iter().filter(|start| start.answered.is_some()).map(|start| range(start));
        let first = starts.iter().map(|start| range(start).from).min();
        let first = first.zip(answered().map(|start| start.until).min());
        let first = first.map(|(from, until)| Range { from, until });
        let resumed = self.pauses.iter().filter_map(|pause| {
            let Range { from, until } = pause.ended;
            let is_tracked = self.certain.iter().any(|range| range.from <= until && until <= range.until);
            let next = answered().filter(|start| start.until >= from).map(|start| start.until).min();
            let until = if is_tracked { until } else { next.unwrap_or(NEVER).max(until) };
            (from < NEVER).then_some(Range { from, until })
        });
        first.into_iter().chain(resumed).collect()
    }

    fn activity(&self, starts: &[Range]) -> Vec<Activity> {
        let mut all: Vec<Activity> = starts.iter().map(|&at| Activity { at, is_certain: at.until < NEVER }).collect();
        for (nth, socket) in self.log.sockets.iter().enumerate() {
            // A node that was killed reads nothing more.
            let last = killed_at(socket).map_or(NEVER, |at| at + TOLERANCE);
            all.extend(socket.starts.iter().map(|start| {
                let Range { from, until } = range(start);
                Activity { at: Range { from, until: until.min(last) }, is_certain: start.answered.is_some() }
            }));
            all.extend(socket.activity.iter().map(|&at| {
                let at = ms(at);
                let until = self.read_by(socket.node, at).min(last);
                let is_certain = self.is_stored(nth, socket, at);
                Activity { at: Range { from: at - TOLERANCE, until }, is_certain }
            }));
            // A socket that goes on can begin an interval.
            all.extend(self.lease_losses(socket.node).map(|at| Activity { at, is_certain: false }));
        }
        all
    }

    /// Tells whether activity was certainly stored when the counters were read.
    fn is_stored(&self, nth: usize, socket: &SocketLog, at: i64) -> bool {
        if killed_at(socket).is_some_and(|killed_at| at > killed_at - UNSTORED - TOLERANCE) {
            return false;
        }
        let of_node = self.disturbances.iter().filter(|it| it.node == socket.node && ms(it.until) >= at - UNSTORED);
        let stored_by = of_node.map(|it| ms(it.until) + STORE_RETRY).max().unwrap_or(at + UNSTORED + TOLERANCE);
        match self.reading {
            Reading::EndBySocket(ending) => ending == nth || stored_by <= self.read.from,
            Reading::Request => stored_by <= self.read.from,
            Reading::AtRest => true,
        }
    }

    fn count(&self, starts: &[Range]) -> CounterBounds {
        let mut bounds = CounterBounds::default();
        for (nth, start) in starts.iter().enumerate() {
            // Each interval but the first follows a pause, and the next pause ends it.
            let end = self.pauses.get(nth).map_or(self.read, |pause| pause.began);
            let last = end.until.min(self.read.until);
            let seconds = (1..).map(|k| Range { from: start.from + k * SECOND, until: start.until + k * SECOND });
            for second in seconds.take_while(|second| second.from <= last) {
                let is_certain = second.until <= end.from.min(self.read.from) && self.is_certain(second);
                self.add(&mut bounds, second, is_certain);
            }
        }
        bounds
    }

    fn add(&self, bounds: &mut CounterBounds, second: Range, is_certain: bool) {
        let idle_after = ms(IDLE_AFTER.1);
        let is_active = |activity: &&Activity| {
            let Range { from, until } = activity.at;
            activity.is_certain && until <= second.from && second.until <= from + idle_after
        };
        let may_be_active = |activity: &&Activity| {
            let Range { from, until } = activity.at;
            from <= second.until && second.from <= until + idle_after + TOLERANCE
        };
        let is_active = self.activity.iter().any(|activity| is_active(&activity));
        let may_be_active = self.activity.iter().any(|activity| may_be_active(&activity));
        let is_possible = is_certain || self.is_possible(second);
        for (bounds, is_certain, is_possible) in [
            (&mut bounds.elapsed, is_certain, is_possible),
            (&mut bounds.active, is_certain && is_active, is_possible && may_be_active),
            (&mut bounds.idle, is_certain && !may_be_active, is_possible && !is_active),
        ] {
            bounds.0 += u64::from(is_certain);
            bounds.1 += u64::from(is_possible);
        }
    }

    fn is_certain(&self, second: Range) -> bool {
        self.certain.iter().any(|range| range.from <= second.from && second.until <= range.until)
    }

    fn is_possible(&self, second: Range) -> bool {
        self.possible.iter().any(|range| range.from <= second.until && second.from <= range.until)
    }
}

/// Returns periods in order; those are joined between which a gap counts.
fn merged(mut ranges: Vec<Range>, counts: impl Fn(Range) -> bool) -> Vec<Range> {
    ranges.sort_by_key(|range| (range.from, range.until));
    let mut merged: Vec<Range> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.from <= last.until || counts(Range { from: last.until, until: range.from }) => {
                last.until = last.until.max(range.until);
            }
            Some(_) | None => merged.push(range),
        }
    }
    merged
}

/// Returns when the node of a socket was killed.
fn killed_at(socket: &SocketLog) -> Option<i64> {
    socket.departure.filter(|departure| departure.kind == DepartureKind::Lost).map(|departure| ms(departure.from))
}

/// Returns when a request took effect.
fn range(exchange: &Exchange) -> Range {
    let until = exchange.answered.map_or(ms(exchange.sent) + LIFETIME, ms);
    Range { from: ms(exchange.sent) - TOLERANCE, until: until + TOLERANCE }
}

fn ms(at: Duration) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::focus::log::{Departure, EndRequest, StatusChange};

    #[test]
    fn seconds_are_counted_from_the_start_to_the_end_and_are_idle_two_seconds_after_the_last_activity() {
        let log = SessionLog { sockets: vec![socket(1000, &[2000])], ..SessionLog::default() };
        let bounds = read(&log, Reading::EndBySocket(0), 10_500, &[]);
        assert_eq!(bounds, CounterBounds { elapsed: (9, 9), active: (2, 3), idle: (6, 7) });
    }

    #[test]
    fn a_gap_counts_only_if_a_socket_returns_within_half_a_minute() {
        for (gap, expected) in [(29_000, (34, 34)), (31_000, (4, 5))] {
            let gone = departed(socket(1000, &[]), 3500, DepartureKind::Dropped);
            let log = SessionLog { sockets: vec![gone, socket(3500 + gap, &[])], ..SessionLog::default() };
            let (least, most) = read(&log, Reading::EndBySocket(1), 3500 + gap + 3000, &[]).elapsed;
            assert!(least <= expected.1 && most >= expected.0 && most - least <= 2, "{gap}: {least} to {most}");
        }
    }

    #[test]
    fn seconds_of_a_pause_and_after_the_last_socket_do_not_count() {
        let pause = StatusChange { is_pause: true, exchange: exchange(3500), is_repeated: false };
        let resumption = StatusChange { is_pause: false, exchange: exchange(8400), is_repeated: false };
        let gone = departed(socket(1000, &[]), 10_900, DepartureKind::Dropped);
        let log = SessionLog { sockets: vec![gone], statuses: vec![pause, resumption], ..SessionLog::default() };
        assert_eq!(read(&log, Reading::AtRest, 20_000, &[]).elapsed, (4, 4));
    }

    #[test]
    fn a_killed_node_stops_the_clock_at_its_last_renewal_and_loses_the_last_activity() {
        let gone = departed(socket(1000, &[2000, 9000]), 11_500, DepartureKind::Lost);
        let log = SessionLog { sockets: vec![gone], ..SessionLog::default() };
        let bounds = read(&log, Reading::AtRest, 20_000, &[]);
        assert_eq!((bounds.elapsed, bounds.active.0), ((7, 10), 2));
        assert!(bounds.active.1 >= 5, "{bounds:?}");
    }

    #[test]
    fn an_end_over_http_does_not_know_the_last_activity() {
        let end = EndRequest { socket: None, exchange: exchange(8000), status: "completed" };
        let sockets = vec![socket(1000, &[2000, 6000])];
        let log = SessionLog { sockets, ends: vec![end], ..SessionLog::default() };
        assert_eq!(log.ended(), Some((Duration::from_millis(8000), Duration::from_millis(8010))));
        assert_eq!(read(&log, Reading::Request, 8000, &[]).active.0, 2);
        assert_eq!(read(&log, Reading::EndBySocket(0), 8000, &[]).active.0, 3);
    }

    #[test]
    fn a_node_that_stands_still_may_read_activity_late_and_be_taken_for_dead() {
        let log = SessionLog { sockets: vec![socket(1000, &[6000])], ..SessionLog::default() };
        let (from, until) = (Duration::from_millis(5000), Duration::from_millis(9000));
        let frozen = Disturbance { node: 0, kind: DisturbanceKind::Down, from, until };
        let bounds = read(&log, Reading::Request, 10_000, &[frozen]);
        assert_eq!((bounds.elapsed, bounds.idle.0 <= 1), ((1, 9), true));
        assert_eq!(read(&log, Reading::Request, 20_500, &[frozen]).elapsed, (19, 19));
    }

    fn read(log: &SessionLog, reading: Reading, at: u64, disturbances: &[Disturbance]) -> CounterBounds {
        bounds(log, reading, (Duration::from_millis(at), Duration::from_millis(at)), disturbances)
    }

    fn exchange(at: u64) -> Exchange {
        let sent = Duration::from_millis(at);
        Exchange { sent, answered: Some(sent + Duration::from_millis(10)) }
    }

    fn socket(started: u64, activity: &[u64]) -> SocketLog {
        let activity = activity.iter().copied().map(Duration::from_millis).collect();
        SocketLog { node: 0, starts: vec![exchange(started)], activity, departure: None }
    }

    fn departed(socket: SocketLog, at: u64, kind: DepartureKind) -> SocketLog {
        let at = Duration::from_millis(at);
        SocketLog { departure: Some(Departure { from: at, until: at, kind }), ..socket }
    }
}
