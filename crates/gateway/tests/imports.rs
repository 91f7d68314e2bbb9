//! `tickcast import`, as an operator uses it: real files, real stores, and nodes that serve what was imported.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod imports {
    mod command;
    mod documents;
    mod focus;
    mod punch_clock;
    mod studio;
    mod studio_conflicts;
    mod studio_interrupted;
}
