//! Randomness from one place, so that a simulation can repeat a run.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use timers::{CommandId, Tag};

/// A source of random numbers; not for secrets.
#[derive(Debug)]
pub struct Entropy(Mutex<fastrand::Rng>);

impl Entropy {
    /// Takes a seed from the operating system.
    pub fn from_os() -> Self {
        Self(Mutex::new(fastrand::Rng::new()))
    }

    /// Gives the same numbers each time.
    pub fn from_seed(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    fn number(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).u64(..)
    }

    pub(crate) fn tag(&self) -> Tag {
        Tag(self.number().max(1))
    }

    pub(crate) fn command_id(&self) -> CommandId {
        CommandId(self.number())
    }

    /// Returns a span from nothing up to `most`.
    pub fn up_to(&self, most: Duration) -> Duration {
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.0.lock().unwrap_or_else(PoisonError::into_inner).u64(0..=micros))
    }
}
