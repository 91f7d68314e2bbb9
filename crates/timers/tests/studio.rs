//! The rules of an organisation's time tracking.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "studio/fixture.rs"]
mod fixture;
#[path = "studio/laws.rs"]
mod laws;
#[path = "studio/rules.rs"]
mod rules;
