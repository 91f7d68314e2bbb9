//! The rules of stopwatch sessions.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod stopwatch_rules {
    mod bounds;
    mod fixture;
    mod sessions;
}
