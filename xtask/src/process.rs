//! Child processes: all without stdin, so none can wait for an answer.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a command whose output goes straight to ours.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Runs a command and returns what it wrote to stdout; its stderr is part of the error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    finish(command).map(|[stdout, _]| stdout)
}

/// Runs a command and returns what it wrote, to stdout and then to stderr.
pub(crate) fn outputs(command: &mut Command) -> Result<String> {
    finish(command).map(|both| both.concat())
}

/// Where the search path has this program, or the folder of servers, which Debian puts on the path of root only.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let directories = env::split_paths(&path).chain(["/usr/sbin".into()]);
    directories.map(|directory| directory.join(program)).find(|candidate| candidate.is_file())
}

fn finish(command: &mut Command) -> Result<[String; 2]> {
    let shown = shown(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{shown}`"))?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        bail!("`{shown}` failed: {}\n{}", output.status, stderr.trim_end());
    }
    let stdout = String::from_utf8(output.stdout).with_context(|| format!("`{shown}` wrote no UTF-8"))?;
    Ok([stdout, stderr])
}

fn shown(command: &Command) -> String {
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
    fn both_outputs_can_be_had() {
        assert_eq!(outputs(&mut sh("echo why >&2; echo out")).unwrap(), "out\nwhy\n");
    }

    #[test]
    fn a_child_has_nothing_to_read() {
        assert!(run(&mut sh("read line")).is_err());
        assert_eq!(output(&mut sh("cat; echo done")).unwrap(), "done\n");
    }

    #[test]
    fn a_program_that_nobody_has_is_not_found() {
        assert!(find("sh").is_some());
        assert!(find("no-such-program-anywhere").is_none());
    }

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }
}
