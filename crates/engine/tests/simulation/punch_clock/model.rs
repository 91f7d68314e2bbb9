//! What pages of one person have posted, and what of it was acknowledged.

use std::collections::BTreeMap;

use timers::calendar::{LocalDate, Zone};
use timers::punch_clock::{Punch, PunchId, PunchKind};
use timers::{Millis, Timestamp};

use super::punch_id;

/// The day of each stored punch.
pub(super) type Places = BTreeMap<PunchId, LocalDate>;

/// How near midnight a reset can be of either day: nodes know the date only within a moment.
const NEAR_MIDNIGHT: Millis = Millis(1000);

/// What pages of one person have posted, and what of it was acknowledged.
pub(super) struct Model {
    pub(super) zone: Zone,
    /// Whether the zone is set.
    pub(super) has_zone: bool,
    attempts: Vec<Attempt>,
    /// The punches, and whether each is of a day that had ended.
    posted: Vec<(Punch, bool)>,
}

/// One command.
struct Attempt {
    kind: AttemptKind,
    outcome: Outcome,
}

enum AttemptKind {
    SetZone,
    Post(Vec<PunchId>),
    Reset,
}

/// What is known of a command.
#[derive(Clone, Copy)]
enum Outcome {
    /// Sent at an instant; it can take effect at any time from then on.
    Unknown(Timestamp),
    /// Sent and acknowledged.
    Acknowledged(Timestamp, Timestamp),
    Refused,
}

impl Model {
    pub(super) fn new(zone: Zone) -> Self {
        Self { zone, has_zone: false, attempts: Vec::new(), posted: Vec::new() }
    }

    pub(super) fn new_punch(&mut self, at: Timestamp, kind: PunchKind, is_late: bool) -> Punch {
        let id = punch_id(self.posted.len() as u64);
        let punch = Punch { id, at, kind, time: None };
        self.posted.push((punch.clone(), is_late));
        punch
    }

    /// Returns some of the punches that were posted, as a tab knows them that was asleep.
    pub(super) fn known(&self, rng: &mut fastrand::Rng, limit: usize) -> Vec<Punch> {
        let end = rng.usize(0..=self.posted.len());
        self.posted[end.saturating_sub(limit)..end].iter().map(|(punch, _)| punch.clone()).collect()
    }

    pub(super) fn set_zone(&mut self, now: Timestamp) -> usize {
        self.attempt(AttemptKind::SetZone, now)
    }

    pub(super) fn post(&mut self, punches: &[Punch], now: Timestamp) -> usize {
        let ids = punches.iter().map(|punch| punch.id.clone()).collect();
        self.attempt(AttemptKind::Post(ids), now)
    }

    pub(super) fn reset(&mut self, now: Timestamp) -> usize {
        self.attempt(AttemptKind::Reset, now)
    }

    /// Records that a command is sent; returns its number.
    fn attempt(&mut self, kind: AttemptKind, now: Timestamp) -> usize {
        self.attempts.push(Attempt { kind, outcome: Outcome::Unknown(now) });
        self.attempts.len() - 1
    }

    pub(super) fn acknowledge(&mut self, nth: usize, now: Timestamp) {
        let attempt = &mut self.attempts[nth];
        if let Outcome::Unknown(sent) = attempt.outcome {
            attempt.outcome = Outcome::Acknowledged(sent, now);
        }
        self.has_zone |= matches!(attempt.kind, AttemptKind::SetZone);
    }

    pub(super) fn refuse(&mut self, nth: usize) {
        self.attempts[nth].outcome = Outcome::Refused;
    }

    /// Checks the punches that are stored; returns the number of those that were certainly deleted.
    pub(super) fn check(&self, places: &Places) -> usize {
        for id in places.keys() {
            assert!(self.posted.iter().any(|(punch, _)| punch.id == *id), "{id} was posted");
        }
        let mut deleted = 0;
        for (punch, is_late) in &self.posted {
            let is_here = places.contains_key(&punch.id);
            let Some(stored) = self.stored_at(&punch.id) else { continue };
            if !is_late && self.is_deleted(punch, stored) {
                deleted += 1;
                assert!(!is_here, "{punch:?} was deleted and has come back");
            }
            assert!(is_here || !is_late && self.can_be_deleted(&punch.id), "{punch:?} is lost");
        }
        deleted
    }

    /// Returns when it was acknowledged first that a punch is stored.
    fn stored_at(&self, id: &PunchId) -> Option<Timestamp> {
        self.posts_of(id).filter_map(|outcome| outcome.acknowledged()).min()
    }

    fn posts_of(&self, id: &PunchId) -> impl Iterator<Item = Outcome> {
        let posts = self.attempts.iter().filter(|attempt| match &attempt.kind {
            AttemptKind::Post(ids) => ids.contains(id),
            AttemptKind::Reset | AttemptKind::SetZone => false,
        });
        posts.map(|attempt| attempt.outcome)
    }

    fn resets(&self) -> impl Iterator<Item = Outcome> {
        let resets = self.attempts.iter().filter(|attempt| matches!(attempt.kind, AttemptKind::Reset));
        resets.map(|attempt| attempt.outcome)
    }

    /// Tells whether a reset of the punch's day was sent after the punch was stored, and acknowledged before that day ended.
    fn is_deleted(&self, punch: &Punch, stored: Timestamp) -> bool {
        self.resets().any(|reset| match reset {
            Outcome::Acknowledged(sent, answered) if sent > stored => {
                self.zone.date_at(answered + NEAR_MIDNIGHT) == self.zone.date_at(punch.at)
            }
            Outcome::Acknowledged(..) | Outcome::Unknown(_) | Outcome::Refused => false,
        })
    }

    /// Tells whether a reset can have deleted a punch: one that was not acknowledged before the punch was sent.
    fn can_be_deleted(&self, id: &PunchId) -> bool {
        let Some(first) = self.posts_of(id).filter_map(Outcome::sent).min() else { return false };
        self.resets().any(|reset| match reset {
            Outcome::Unknown(_) => true,
            Outcome::Acknowledged(_, answered) => answered >= first,
            Outcome::Refused => false,
        })
    }
}

impl Outcome {
    fn sent(self) -> Option<Timestamp> {
        match self {
            Self::Unknown(sent) | Self::Acknowledged(sent, _) => Some(sent),
            Self::Refused => None,
        }
    }

    fn acknowledged(self) -> Option<Timestamp> {
        match self {
            Self::Acknowledged(_, answered) => Some(answered),
            Self::Unknown(_) | Self::Refused => None,
        }
    }
}
