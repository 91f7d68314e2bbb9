//! What clients get, letter by letter.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod transcripts {
    mod clockit;
    mod focus;
    mod inputs;
    mod other_messages;
    mod punch_clock;
    mod random_scripts;
    mod replay;
    mod rooms;
    mod schemas;
    mod studio;
}
