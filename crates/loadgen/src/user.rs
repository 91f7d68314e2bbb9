//! A user's commands and the delivery of their changes to its devices.

use std::collections::BTreeMap;

use tokio::time::Instant;

/// Most remembered revisions: far more than are in flight.
const REVISIONS_MAX: usize = 256;

/// A user's commands and the delivery of their changes.
#[derive(Default)]
pub(crate) struct User {
    /// The room of the devices, in the Rooms protocol.
    pub(crate) room: Option<String>,
    sent: BTreeMap<u64, Instant>,
    made: BTreeMap<u64, Change>,
    early: BTreeMap<u64, Vec<Instant>>,
}

struct Change {
    asked: Instant,
    /// Number of devices that received it.
    delivered: usize,
}

impl Change {
    /// Records that one more of `devices` received the change.
    fn delivered(&mut self, now: Instant, devices: usize) -> UpdateDelivery {
        self.delivered += 1;
        UpdateDelivery { micros: micros(self.asked, now), is_last: self.delivered == devices }
    }
}

/// The delivery of a change to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UpdateDelivery {
    /// Time since the command.
    pub(crate) micros: u64,
    /// Whether it was the last device.
    pub(crate) is_last: bool,
}

impl User {
    /// Records a command by its id, and its scheduled time.
    pub(crate) fn send(&mut self, id: u64, at: Instant) {
        self.sent.insert(id, at);
        forget_oldest(&mut self.sent);
    }

    /// Records the revision of a command; returns the deliveries to devices that received the change before the
    /// acknowledgement.
    pub(crate) fn ack(&mut self, id: u64, rev: u64, devices: usize) -> Vec<UpdateDelivery> {
        let Some(asked) = self.sent.remove(&id) else { return Vec::new() };
        let mut change = Change { asked, delivered: 0 };
        let early = self.early.remove(&rev).unwrap_or_default();
        let delivery = early.into_iter().map(|now| change.delivered(now, devices)).collect();
        self.made.insert(rev, change);
        forget_oldest(&mut self.made);
        delivery
    }

    /// Records that a device received a revision; returns the delivery if the command of the revision is known.
    pub(crate) fn delivered(&mut self, rev: u64, now: Instant, devices: usize) -> Option<UpdateDelivery> {
        if let Some(change) = self.made.get_mut(&rev) {
            return Some(change.delivered(now, devices));
        }
        self.early.entry(rev).or_default().push(now);
        forget_oldest(&mut self.early);
        None
    }
}

fn forget_oldest<T>(map: &mut BTreeMap<u64, T>) {
    if map.len() > REVISIONS_MAX {
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
    fn a_change_is_timed_whether_it_is_delivered_before_or_after_its_ack() {
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let mut user = User::default();
        user.send(1, at(0));
        user.send(2, at(10));
        let delivery = |ms: u64, is_last| UpdateDelivery { micros: ms * 1000, is_last };
        assert_eq!(user.delivered(7, at(3), 2), None);
        assert_eq!(user.ack(1, 7, 2), [delivery(3, false)]);
        assert_eq!(user.delivered(7, at(4), 2), Some(delivery(4, true)));
        assert!(user.ack(2, 8, 2).is_empty());
        assert_eq!(user.delivered(8, at(15), 2), Some(delivery(5, false)));
        assert!(user.ack(3, 9, 2).is_empty(), "a command of another user");
    }
}
