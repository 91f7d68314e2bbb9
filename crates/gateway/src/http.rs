//! The HTTP routes that all systems share.

pub(crate) mod asked;
pub(crate) mod body;
pub(crate) mod console;
pub(crate) mod error;
pub(crate) mod internal;
pub(crate) mod person;
pub(crate) mod public;
pub(crate) mod server;
