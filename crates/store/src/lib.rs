//! Adapters of the engine's store port.

pub mod embedded;
pub mod redis;
pub mod tls;
