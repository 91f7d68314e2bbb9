//! The suite as it is called.

use std::process::{Command, Output};

#[test]
fn what_is_not_understood_is_named_and_nothing_is_run() {
    for (arguments, named) in [
        (&["--only", "no-such-fault"][..], "no-such-fault"),
        (&["--repeat-often"], "--repeat-often"),
        (&["--seed", "soon"], "--seed"),
    ] {
        let called = Command::new(env!("CARGO_BIN_EXE_faults")).args(arguments).output().expect("it runs");
        let Output { status, stdout, stderr } = called;
        let told = String::from_utf8_lossy(&stderr);
        assert!(!status.success() && stdout.is_empty() && told.contains(named), "{arguments:?}: {told}");
    }
}
