//! The HTTP routes that all systems share.

pub(crate) mod address;
mod admin;
pub(crate) mod asked;
pub(crate) mod body;
pub(crate) mod console;
pub(crate) mod entrance;
pub(crate) mod error;
mod guard;
pub(crate) mod internal;
pub(crate) mod person;
pub(crate) mod public;
pub(crate) mod server;
pub(crate) mod tls;
pub(crate) mod watched;
