//! A user's commands and changes, as its devices see them.

use std::collections::BTreeMap;

use tokio::time::Instant;

/// Most revisions that are remembered: far more than are under way.
const REMEMBERED: usize = 256;

/// A user's commands and changes.
#[derive(Default)]
pub(crate) struct User {
    /// The room that its devices are in, if that is what they do.
    pub(crate) room: Option<String>,
    sent: BTreeMap<u64, Instant>,
    made: BTreeMap<u64, Change>,
    early: BTreeMap<u64, Vec<Instant>>,
}

struct Change {
    asked: Instant,
    /// To how many devices it was shown.
    shown: usize,
}

impl Change {
    /// Notes that one more device was shown it, of so many.
    fn shown(&mut self, now: Instant, devices: usize) -> Sight {
        self.shown += 1;
        Sight { micros: micros(self.asked, now), is_last: self.shown == devices }
    }
}

/// A device was shown a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    /// How long that took.
    pub(crate) micros: u64,
    /// It was the last one.
    pub(crate) is_last: bool,
}

impl User {
    /// Notes a command, by its number, and when it should have been sent.
    pub(crate) fn send(&mut self, id: u64, at: Instant) {
        self.sent.insert(id, at);
        forget_oldest(&mut self.sent);
    }

    /// Notes which revision a command made; returns how long it took to show it to devices that have seen it, of so
    /// many.
    pub(crate) fn ack(&mut self, id: u64, rev: u64, devices: usize) -> Vec<Sight> {
        let Some(asked) = self.sent.remove(&id) else { return Vec::new() };
        let mut change = Change { asked, shown: 0 };
        let early = self.early.remove(&rev).unwrap_or_default();
        let sights = early.into_iter().map(|now| change.shown(now, devices)).collect();
        self.made.insert(rev, change);
        forget_oldest(&mut self.made);
        sights
    }

    /// Notes that a device was shown a revision, of so many; returns how long that took, if it is known by whose
    /// command.
    pub(crate) fn shown(&mut self, rev: u64, now: Instant, devices: usize) -> Option<Sight> {
        if let Some(change) = self.made.get_mut(&rev) {
            return Some(change.shown(now, devices));
        }
        self.early.entry(rev).or_default().push(now);
        forget_oldest(&mut self.early);
        None
    }
}

fn forget_oldest<T>(map: &mut BTreeMap<u64, T>) {
    if map.len() > REMEMBERED {
        map.pop_first();
    }
}

fn micros(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_change_is_timed_whether_it_is_shown_before_its_ack_or_after() {
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let mut user = User::default();
        user.send(1, at(0));
        user.send(2, at(10));
        let sight = |ms: u64, is_last| Sight { micros: ms * 1000, is_last };
        assert_eq!(user.shown(7, at(3), 2), None);
        assert_eq!(user.ack(1, 7, 2), [sight(3, false)]);
        assert_eq!(user.shown(7, at(4), 2), Some(sight(4, true)));
        assert!(user.ack(2, 8, 2).is_empty());
        assert_eq!(user.shown(8, at(15), 2), Some(sight(5, false)));
        assert!(user.ack(3, 9, 2).is_empty(), "somebody else's");
    }
}
