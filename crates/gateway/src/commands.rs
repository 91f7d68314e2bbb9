//! The commands besides `serve`: short-lived processes that work on the store of the configuration.

mod failure;
pub(crate) mod import;
mod interrupts;
mod progress;
mod store_session;

pub(crate) use failure::Failure;
