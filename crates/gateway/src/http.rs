//! HTTP: the public routes, and what all of them share.

pub(crate) mod authenticated_user;
pub(crate) mod authentication;
pub(crate) mod body_slots;
pub(crate) mod console;
pub(crate) mod error;
pub(crate) mod http_telemetry;
pub(crate) mod import_limiter;
pub(crate) mod json_answer;
pub(crate) mod origin_check;
pub(crate) mod public;
pub(crate) mod query;
