//! A container that runc runs from the root file system of an image.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::child::ChildProcess;
use crate::process;

/// The user and the group of the image.
pub(super) const USER: u32 = 65_532;

const PROGRAM: &str = "/usr/local/bin/tickcast";

/// Limit for the start and for the stop, which take a second.
const TIMEOUT: Duration = Duration::from_secs(20);

const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A running container; killed when dropped.
pub(super) struct Container {
    runc: PathBuf,
    /// State of runc.
    state: PathBuf,
    id: String,
    process: ChildProcess,
}

impl Container {
    /// Starts the program of an image. The folder has its configuration and its data, and gets its log.
    pub(super) fn start(runc: &Path, root: &Path, folder: &Path) -> Result<Self> {
        chown(folder.join("data"), Some(USER), Some(USER)).context("the trial must run as root")?;
        let specification = folder.join("config.json");
        if specification.exists() {
            fs::remove_file(&specification)?;
        }
        process::output(Command::new(runc).arg("spec").current_dir(folder))?;
        let mut config: Value = serde_json::from_str(&fs::read_to_string(&specification)?)?;
        restrict(&mut config, root, folder)?;
        fs::write(&specification, config.to_string())?;
        let (state, id) = (folder.join("runc"), format!("tickcast-trial-{}", std::process::id()));
        let mut command = Command::new(runc);
        command.arg("--root").arg(&state).args(["run", &id]);
        let process = ChildProcess::start("container", command, folder)?;
        Ok(Self { runc: runc.to_owned(), state, id, process })
    }

    /// Runs `tickcast healthcheck` in the container.
    pub(super) fn healthcheck(&self, arguments: &[&str]) -> Result<()> {
        process::output(self.runc(&["exec"]).args([&self.id, PROGRAM, "healthcheck"]).args(arguments)).map(drop)
    }

    pub(super) fn wait_until_ready(&mut self) -> Result<()> {
        self.wait_until(|container| container.healthcheck(&["--ready"]))
    }

    pub(super) fn wait_until_unready(&mut self) -> Result<()> {
        self.wait_until(|container| match container.healthcheck(&["--ready"]) {
            Ok(()) => Err(anyhow::anyhow!("the node is ready after SIGTERM")),
            Err(error) => {
                let is_stopping = error.to_string().contains("the node is stopping");
                ensure!(is_stopping, "the health check has another reason: {error}");
                Ok(())
            }
        })
    }

    /// Sends SIGTERM to process 1 of the container.
    pub(super) fn terminate(&self) -> Result<()> {
        process::output(self.runc(&["kill"]).args([&self.id, "TERM"])).map(drop)
    }

    /// Waits for the end of the program.
    pub(super) fn wait(&mut self) -> Result<ExitStatus> {
        self.process.wait_for_status(TIMEOUT)
    }

    /// Returns `/proc/<pid>/status` of process 1 of the container.
    pub(super) fn process_status(&self) -> Result<String> {
        Ok(fs::read_to_string(format!("/proc/{}/status", self.pid()?))?)
    }

    /// Returns the pids of the children of process 1, among them those that have ended and were not waited for.
    pub(super) fn children(&self) -> Result<String> {
        let pid = self.pid()?;
        Ok(fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?.trim().to_owned())
    }

    fn pid(&self) -> Result<u64> {
        let state = process::output(self.runc(&["state"]).arg(&self.id))?;
        let state: Value = serde_json::from_str(&state)?;
        state["pid"].as_u64().with_context(|| format!("runc does not tell the pid: {state}"))
    }

    fn wait_until(&mut self, check: impl Fn(&Self) -> Result<()>) -> Result<()> {
        let deadline = Instant::now() + TIMEOUT;
        while let Err(error) = check(self) {
            self.process.require_running()?;
            ensure!(Instant::now() < deadline, "{error:#}\n{}", self.process.log_tail());
            sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    fn runc(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.runc);
        command.arg("--root").arg(&self.state).args(arguments);
        command
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Nothing is left to delete after a regular end.
        self.runc(&["delete", "--force"]).arg(&self.id).output().ok();
    }
}

/// Removes every privilege from the default configuration of runc, and adds what a cluster gives: the configuration, the
/// volume of the data, and a network.
fn restrict(config: &mut Value, root: &Path, folder: &Path) -> Result<()> {
    let process = &mut config["process"];
    process["terminal"] = json!(false);
    process["user"] = json!({ "uid": USER, "gid": USER });
    process["args"] = json!([PROGRAM]);
    process["cwd"] = json!("/var/lib/tickcast");
    process["capabilities"] = json!({});
    process["noNewPrivileges"] = json!(true);
    config["root"] = json!({ "path": root, "readonly": true });
    let mounts = config["mounts"].as_array_mut().context("runc's configuration has no mounts")?;
    for (source, destination, access) in
        [("tickcast.toml", "/etc/tickcast/tickcast.toml", "ro"), ("data", "/var/lib/tickcast", "rw")]
    {
        let options = ["bind", "nosuid", "nodev", access];
        mounts.push(json!({ "destination": destination, "source": folder.join(source), "options": options }));
    }
    let namespaces = config["linux"]["namespaces"].as_array_mut().context("runc's configuration has no namespaces")?;
    namespaces.retain(|namespace| namespace["type"] != "network");
    Ok(())
}
