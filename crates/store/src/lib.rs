//! Adapters of the engine's store port.

pub mod embedded;
mod known_scopes;
pub mod redis;
pub mod tls;
