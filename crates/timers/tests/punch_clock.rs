//! The rules of a person's working day.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "punch_clock/fixture.rs"]
mod fixture;
#[path = "punch_clock/import.rs"]
mod import;
#[path = "punch_clock/laws.rs"]
mod laws;
#[path = "punch_clock/rules.rs"]
mod rules;
