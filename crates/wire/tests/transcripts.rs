//! What clients get, letter by letter.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod transcripts {
    mod clockit;
    mod focus;
    mod punch_clock;
    mod replay;
    mod rooms;
    mod studio;
}
