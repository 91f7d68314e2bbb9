//! One source of randomness, so that a simulation can repeat a run.

use std::time::Duration;

use parking_lot::Mutex;
use timers::{CommandId, Tag};

/// A source of random numbers. Not suitable for secrets.
#[derive(Debug)]
pub struct Entropy(Mutex<fastrand::Rng>);

impl Entropy {
    /// Makes a source with a seed from the operating system.
    pub fn from_os() -> Self {
        Self(Mutex::new(fastrand::Rng::new()))
    }

    /// Makes a source that returns the same numbers for the same seed.
    pub fn from_seed(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    fn number(&self) -> u64 {
        self.0.lock().u64(..)
    }

    pub(crate) fn tag(&self) -> Tag {
        Tag(self.number().max(1))
    }

    pub(crate) fn command_id(&self) -> CommandId {
        CommandId(self.number())
    }

    /// Returns a random duration up to `most`, zero and `most` included.
    pub fn up_to(&self, most: Duration) -> Duration {
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.0.lock().u64(0..=micros))
    }
}
