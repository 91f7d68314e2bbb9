//! Why a command has failed, and the exit code of its process.

use std::process::ExitCode;

use crate::ops::config::EXIT_CONFIG;

/// The node is not healthy: the code that container engines expect of a health check.
const EXIT_UNHEALTHY: u8 = 1;

/// The options of the command line do not fit the files or the configuration: the exit code of wrong options.
const EXIT_USAGE: u8 = 2;

/// The data is faulty, or conflicts with what is stored (`EX_DATAERR` of sysexits).
const EXIT_DATA: u8 = 65;

/// A file cannot be read (`EX_NOINPUT`).
const EXIT_NO_INPUT: u8 = 66;

/// The store, or the server, cannot be used (`EX_UNAVAILABLE`).
const EXIT_UNAVAILABLE: u8 = 69;

/// The command was interrupted, and its repetition completes it; or its outcome is unknown (`EX_TEMPFAIL`).
const EXIT_INTERRUPTED: u8 = 75;

/// The server refuses the user (`EX_NOPERM`).
const EXIT_DENIED: u8 = 77;

/// Why a command has failed.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    lines: Vec<String>,
}

impl Failure {
    pub(crate) fn unhealthy(message: impl Into<String>) -> Self {
        Self { code: EXIT_UNHEALTHY, lines: vec![message.into()] }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: EXIT_USAGE, lines: vec![message.into()] }
    }

    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self { code: EXIT_CONFIG, lines: vec![message.into()] }
    }

    /// The last line sums the others up.
    pub(crate) fn data(mut faults: Vec<String>, summary: impl Into<String>) -> Self {
        faults.push(summary.into());
        Self { code: EXIT_DATA, lines: faults }
    }

    pub(crate) fn no_input(message: impl Into<String>) -> Self {
        Self { code: EXIT_NO_INPUT, lines: vec![message.into()] }
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self { code: EXIT_UNAVAILABLE, lines: vec![message.into()] }
    }

    pub(crate) fn interrupted(message: impl Into<String>) -> Self {
        Self { code: EXIT_INTERRUPTED, lines: vec![message.into()] }
    }

    /// Nobody reads what the command would say.
    pub(crate) fn silent() -> Self {
        Self { code: 0, lines: Vec::new() }
    }

    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self { code: EXIT_DENIED, lines: vec![message.into()] }
    }

    /// Shows the failure on standard error.
    pub(crate) fn report(&self) -> ExitCode {
        for line in &self.lines {
            eprintln!("{line}");
        }
        ExitCode::from(self.code)
    }
}
