//! Commands that run to completion. They have no stdin, so that none can wait for input.

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use std::{env, fs, thread};

use anyhow::{Context, Result, bail};

/// Time limit of a command: longer than all of continuous integration takes.
const TIME_LIMIT: Duration = Duration::from_secs(40 * 60);

/// Runs a command; its output goes to the output of this program.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    run_within(command, TIME_LIMIT)
}

/// Runs a command, and kills it with its descendants after a time limit: any of them would keep the output open.
fn run_within(command: &mut Command, limit: Duration) -> Result<()> {
    let command_line = command_line(command);
    let child = command.stdin(Stdio::null()).spawn().with_context(|| format!("cannot start `{command_line}`"))?;
    match wait_within(child, limit)? {
        None => bail!("`{command_line}` did not end within {} s", limit.as_secs()),
        Some(status) if !status.success() => bail!("`{command_line}` failed: {status}"),
        Some(_) => Ok(()),
    }
}

/// Returns the status of a process, or `None` after the time limit.
fn wait_within(mut child: Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let pid = child.id();
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait()));
    match ended.recv_timeout(limit) {
        Ok(status) => Ok(Some(status?)),
        Err(RecvTimeoutError::Disconnected) => bail!("the thread that waits for process {pid} has ended"),
        Err(RecvTimeoutError::Timeout) => {
            let pids = with_descendants(pid)?.into_iter().map(|pid| pid.to_string());
            Command::new("kill").arg("-KILL").args(pids).stderr(Stdio::null()).status()?;
            ended.recv()??;
            Ok(None)
        }
    }
}

/// Returns a process and its descendants.
fn with_descendants(pid: u32) -> Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(child) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
        // A process can end meanwhile.
        let Ok(status) = fs::read_to_string(format!("/proc/{child}/status")) else { continue };
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        parents.extend(parent.and_then(|parent| parent.trim().parse::<u32>().ok()).map(|parent| (child, parent)));
    }
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&ancestor) = found.get(next) {
        found.extend(parents.iter().filter(|(_, parent)| *parent == ancestor).map(|(child, _)| child));
        next += 1;
    }
    Ok(found)
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
    fn a_command_that_does_not_end_is_killed_with_its_descendants() {
        let marker = format!("{}", 100_000 + std::process::id());
        let mut command = sh(&format!("sh -c 'sleep {marker}; true' & wait"));
        let error = run_within(&mut command, Duration::from_millis(300)).unwrap_err().to_string();
        assert!(error.ends_with("did not end within 0 s"), "{error}");
        let mut list = Command::new("pgrep");
        list.args(["-f", &format!("^sleep {marker}")]);
        assert!(output(&mut list).is_err(), "`sleep` still runs");
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
