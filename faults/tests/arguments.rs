//! The command line of the suite.

use std::process::{Command, Output};

#[test]
fn an_invalid_argument_is_named_and_nothing_is_run() {
    for (arguments, named) in [
        (&["--only", "no-such-fault"][..], "no-such-fault"),
        (&["--repeat-often"], "--repeat-often"),
        (&["--seed", "soon"], "--seed"),
        (&["kubernetes"], "--cluster is missing"),
        (&["kubernetes", "--cluster", "lab", "--only", "no-such-scenario"], "no-such-scenario"),
        (&["kubernetes", "--cluster", "/no/such/cluster"], "/no/such/cluster/kubectl does not exist"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_faults")).args(arguments).output().expect("it runs");
        let Output { status, stdout, stderr } = output;
        let message = String::from_utf8_lossy(&stderr);
        assert!(!status.success() && stdout.is_empty() && message.contains(named), "{arguments:?}: {message}");
    }
}
