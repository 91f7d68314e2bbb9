//! Commands that run to completion. They have no stdin, so that none can wait for input.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a command; its output goes to the output of this program.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let command_line = command_line(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start `{command_line}`"))?;
    if !status.success() {
        bail!("`{command_line}` failed: {status}");
    }
    Ok(())
}

/// Runs a command and returns its stdout; an error contains its stderr.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    capture(command).map(|[stdout, _]| stdout)
}

/// Runs a command and returns its stdout, followed by its stderr.
pub(crate) fn outputs(command: &mut Command) -> Result<String> {
    capture(command).map(|streams| streams.concat())
}

/// Finds a program on the search path, or in the folder of servers, which Debian puts on the search path of root only.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let directories = env::split_paths(&path).chain(["/usr/sbin".into()]);
    directories.map(|directory| directory.join(program)).find(|candidate| candidate.is_file())
}

fn capture(command: &mut Command) -> Result<[String; 2]> {
    let command_line = command_line(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{command_line}`"))?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        bail!("`{command_line}` failed: {}\n{}", output.status, stderr.trim_end());
    }
    let stdout =
        String::from_utf8(output.stdout).with_context(|| format!("`{command_line}` wrote output that is not UTF-8"))?;
    Ok([stdout, stderr])
}

fn command_line(command: &Command) -> String {
    let words: Vec<_> =
        std::iter::once(command.get_program()).chain(command.get_args()).map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_an_error_that_names_it() {
        let error = run(&mut sh("exit 3")).unwrap_err().to_string();
        assert!(error.contains("sh -c exit 3"), "{error}");
    }

    #[test]
    fn the_error_of_a_captured_command_carries_its_stderr() {
        let error = output(&mut sh("echo out; echo why >&2; exit 1")).unwrap_err();
        assert!(error.to_string().ends_with("why"), "{error}");
    }

    #[test]
    fn outputs_returns_stdout_and_stderr() {
        assert_eq!(outputs(&mut sh("echo why >&2; echo out")).unwrap(), "out\nwhy\n");
    }

    #[test]
    fn a_child_has_an_empty_stdin() {
        assert!(run(&mut sh("read line")).is_err());
        assert_eq!(output(&mut sh("cat; echo done")).unwrap(), "done\n");
    }

    #[test]
    fn a_program_that_is_not_installed_is_not_found() {
        assert!(find("sh").is_some());
        assert!(find("no-such-program-anywhere").is_none());
    }

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }
}
