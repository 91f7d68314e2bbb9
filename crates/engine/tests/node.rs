//! One or two nodes, move by move: what the simulation meets by chance is brought about here on purpose.
//! Virtual time, so that a pause of minutes takes none.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod node {
    mod beats;
    mod commands;
    mod deadlines;
    mod onlookers;
    mod presence;
    mod readers;
    mod tap;
    mod views;
}
