//! One or two nodes, step by step: these tests cause on purpose what the simulation meets by chance. Time is virtual, so
//! that a pause of minutes takes none.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod node {
    mod beats;
    mod clock_steps;
    mod commands;
    mod counts;
    mod day_changes;
    mod deadlines;
    mod joins;
    mod large_changes;
    mod presence;
    mod readers;
    mod retention;
    mod subscribers;
    mod supervision;
    mod test_node;
    mod views;
}
