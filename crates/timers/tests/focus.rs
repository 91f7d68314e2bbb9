//! The rules of focus sessions.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "focus/fixture.rs"]
mod fixture;
#[path = "focus/laws.rs"]
mod laws;
#[path = "focus/oracle.rs"]
mod oracle;
#[path = "focus/outage.rs"]
mod outage;
#[path = "focus/rules.rs"]
mod rules;
#[path = "focus/script.rs"]
mod script;
#[path = "focus/stats.rs"]
mod stats;
#[path = "focus/stored.rs"]
mod stored;
