//! What the scenarios do.

pub(super) mod failures;
mod memory_limit;
pub(super) mod rollouts;
pub(super) mod scaling;
pub(super) mod secrets;
pub(super) mod stores;
