//! A user's commands and changes, as its devices see them.

use std::collections::BTreeMap;

use tokio::time::Instant;

/// Most revisions that are remembered: far more than are under way.
const REMEMBERED: usize = 256;

/// A user's commands and changes.
#[derive(Default)]
pub(crate) struct User {
    sent: BTreeMap<u64, Instant>,
    made: BTreeMap<u64, Instant>,
    early: BTreeMap<u64, Vec<Instant>>,
}

impl User {
    /// Notes a command, by its number, and when it should have been sent.
    pub(crate) fn send(&mut self, id: u64, at: Instant) {
        self.sent.insert(id, at);
        forget_oldest(&mut self.sent);
    }

    /// Notes which revision a command made; returns how long it took to show it to devices that have seen it.
    pub(crate) fn ack(&mut self, id: u64, rev: u64) -> Vec<u64> {
        let Some(at) = self.sent.remove(&id) else { return Vec::new() };
        self.made.insert(rev, at);
        forget_oldest(&mut self.made);
        self.early.remove(&rev).unwrap_or_default().into_iter().map(|shown| micros(at, shown)).collect()
    }

    /// Notes that a device was shown a revision; returns how long that took, if it is known by whose command.
    pub(crate) fn shown(&mut self, rev: u64, now: Instant) -> Option<u64> {
        if let Some(at) = self.made.get(&rev) {
            return Some(micros(*at, now));
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
        assert_eq!(user.shown(7, at(3)), None);
        assert_eq!(user.ack(1, 7), [3000]);
        assert_eq!(user.shown(7, at(4)), Some(4000));
        assert!(user.ack(2, 8).is_empty());
        assert_eq!(user.shown(8, at(15)), Some(5000));
        assert!(user.ack(3, 9).is_empty(), "somebody else's");
    }
}
