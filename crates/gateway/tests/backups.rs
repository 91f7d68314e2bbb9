//! `tickcast backup` and `tickcast restore`, as an operator uses them: real stores, and nodes that serve what was restored.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod backups {
    mod command;
    mod content;
    mod files;
    mod guards;
    mod interrupted;
    mod large;
    mod migration;
    mod tracked;
    mod writes;
}
