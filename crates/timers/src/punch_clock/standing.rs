//! Which punches of a day stand.

use crate::punch_clock::punch::{Punch, PunchId, PunchKind};
use crate::time::Timestamp;

/// The punches of a day that stand: they alternate, beginning with the run that was carried over from the day before, if
/// there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing<'d> {
    /// The punch that was carried over.
    pub carried: Option<&'d Punch>,
    /// The punches of the day that stand, in order.
    pub punches: Vec<&'d Punch>,
    /// Those that do not.
    pub ignored: Vec<(&'d PunchId, IgnoredReason)>,
}

/// Why a punch has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IgnoredReason {
    /// The punch before is of the same type; the earlier one stands.
    #[error("an earlier {} stands", .0.as_str())]
    SameKind(PunchKind),
    /// Work had not begun.
    #[error("there is no IN before it")]
    NothingToEnd,
    /// The punch was deleted.
    #[error("it was deleted")]
    Deleted,
    /// The punch is in an archived day already.
    #[error("it is archived")]
    Archived,
    /// The day has as many punches as the limit.
    #[error("the day has {0} punches, which is the limit")]
    TooMany(usize),
    /// The punch is older than the days that can be changed.
    #[error("it is older than {0} days")]
    TooOld(i64),
}

impl<'d> Standing<'d> {
    /// Finds the punches that stand. The punches are in order; the result depends on nothing but the set.
    pub(crate) fn of(carried: Option<&'d Punch>, punches: &'d [Punch]) -> Self {
        let mut standing = Self { carried, punches: Vec::new(), ignored: Vec::new() };
        for punch in punches {
            match (standing.is_in(), punch.kind) {
                (true, PunchKind::In) => standing.ignored.push((&punch.id, IgnoredReason::SameKind(PunchKind::In))),
                (false, PunchKind::Out) if standing.punches.is_empty() => {
                    standing.ignored.push((&punch.id, IgnoredReason::NothingToEnd));
                }
                (false, PunchKind::Out) => {
                    standing.ignored.push((&punch.id, IgnoredReason::SameKind(PunchKind::Out)));
                }
                (true, PunchKind::Out) | (false, PunchKind::In) => standing.punches.push(punch),
            }
        }
        standing
    }

    /// Returns the last punch that stands.
    pub fn last(&self) -> Option<&'d Punch> {
        self.punches.last().copied().or(self.carried)
    }

    /// Tells whether the person is at work after the last punch.
    pub fn is_in(&self) -> bool {
        self.last().is_some_and(|punch| punch.kind == PunchKind::In)
    }

    /// Returns each punch that stands with its instant, where the carried one is made at the start of the day.
    pub fn shown(&self, day_start: Timestamp) -> impl Iterator<Item = (&'d Punch, Timestamp)> {
        let carried = self.carried.map(move |punch| (punch, day_start));
        carried.into_iter().chain(self.punches.iter().map(|punch| (*punch, punch.at)))
    }
}
