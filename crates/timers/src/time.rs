//! Instants, durations and beats. All are cluster time, in whole milliseconds.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// The length of a beat: one second.
pub const MILLIS_PER_BEAT: u64 = 1000;

/// An instant, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Returns the time since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }

    /// Returns the beat of the second that contains this instant.
    pub fn beat(self) -> Beat {
        Beat(self.0 / MILLIS_PER_BEAT)
    }
}

impl Add<Millis> for Timestamp {
    type Output = Self;

    fn add(self, span: Millis) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Millis> for Timestamp {
    type Output = Self;

    fn sub(self, span: Millis) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An instant of cluster time, and how far cluster time is ahead of the date then.
///
/// Cluster time never goes back, since timers are measured by it. When the store's clock is set back, dates go back with
/// the clock and cluster time stays ahead of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterTime {
    /// The instant of cluster time.
    pub now: Timestamp,
    /// How far cluster time is ahead of the date.
    pub ahead: Millis,
}

impl ClusterTime {
    /// Returns the date at this instant.
    pub fn date(self) -> Timestamp {
        self.now - self.ahead
    }
}

impl From<Timestamp> for ClusterTime {
    /// Makes an instant at which cluster time and the date are the same.
    fn from(now: Timestamp) -> Self {
        Self { now, ahead: Millis(0) }
    }
}

/// A duration in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// Returns a duration of whole minutes.
    pub const fn from_minutes(minutes: u64) -> Self {
        Self(minutes * 60 * 1000)
    }

    /// Returns the whole seconds, rounded up, as a countdown shows them.
    pub fn seconds_up(self) -> u64 {
        self.0.div_ceil(MILLIS_PER_BEAT)
    }

    /// Returns a duration of whole hours.
    pub const fn from_hours(hours: u64) -> Self {
        Self(hours * 60 * 60 * 1000)
    }
}

impl Add for Millis {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// The number of a whole second of cluster time: beat `n` is the instant `n × 1000` ms since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Beat(pub u64);

impl Beat {
    /// Returns the instant of this beat.
    pub fn instant(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(MILLIS_PER_BEAT))
    }

    /// Returns the beat after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Beat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
