//! Traces of a cluster on the machine: processes, kernel settings and control groups.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::process;

/// Kernel settings of the whole machine that a kubelet changes.
const SYSCTLS: [&str; 5] = [
    "vm.overcommit_memory",
    "kernel.panic",
    "kernel.panic_on_oops",
    "kernel.keys.root_maxkeys",
    "kernel.keys.root_maxbytes",
];

/// Limit for the end of all processes after a SIGKILL: they release gigabytes of page cache and mounts.
const EXIT_TIMEOUT: Duration = Duration::from_secs(30);

/// Limit for the removal of control groups, which the kernel refuses until their last process is gone.
const CGROUP_TIMEOUT: Duration = Duration::from_secs(10);

const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Returns process 1 of a node, by its id on this machine.
pub(super) fn node_process(script: &Path, node: usize) -> Result<Option<u32>> {
    let arguments = format!("bash\0{}\0{node}\0", script.display());
    for entry in fs::read_dir("/proc")? {
        let Ok(id) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
        // A process can end meanwhile.
        let Ok(command_line) = fs::read(format!("/proc/{id}/cmdline")) else { continue };
        if command_line == arguments.as_bytes() && is_first_of_namespace(id) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Waits until a killed process, and with it its namespaces, are gone.
pub(super) fn wait_for_exit(process: u32) -> Result<()> {
    let deadline = Instant::now() + EXIT_TIMEOUT;
    while Path::new(&format!("/proc/{process}")).exists() {
        ensure!(Instant::now() < deadline, "process {process} does not end");
        sleep(POLL_INTERVAL);
    }
    Ok(())
}

/// Writes the present kernel settings to a file.
pub(super) fn save_sysctls(file: &Path) -> Result<()> {
    // A kernel need not have all of them.
    let settings = SYSCTLS.map(|name| process::output(Command::new("sysctl").arg(name)).unwrap_or_default());
    Ok(fs::write(file, settings.concat())?)
}

/// Restores the kernel settings of a file, if there is one.
pub(super) fn restore_sysctls(file: &Path) -> Result<()> {
    if !file.is_file() {
        return Ok(());
    }
    process::output(Command::new("sysctl").args(["--quiet", "--load"]).arg(file)).map(drop)
}

/// Returns the name of the control group of a cluster, which depends on its folder.
pub(super) fn cgroup(folder: &Path) -> String {
    // FNV-1a: equal for equal folders in every build of this program.
    let hash = folder
        .to_string_lossy()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("tickcast-{hash:016x}")
}

/// Removes the control groups of a cluster.
pub(super) fn remove_cgroups(name: &str) -> Result<()> {
    let deadline = Instant::now() + CGROUP_TIMEOUT;
    loop {
        let mut remaining = Vec::new();
        for controller in fs::read_dir("/sys/fs/cgroup").context("this machine has no control groups")? {
            let group = controller?.path().join(name);
            if group.is_dir() && remove_tree(&group).is_err() {
                remaining.push(group);
            }
        }
        let Some(group) = remaining.first() else { return Ok(()) };
        if Instant::now() > deadline {
            bail!("the control group {} cannot be removed: it has processes", group.display());
        }
        sleep(POLL_INTERVAL);
    }
}

/// Removes a group after the groups in it; the files of a group go with it.
fn remove_tree(group: &Path) -> Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    Ok(fs::remove_dir(group)?)
}

fn is_first_of_namespace(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    ids.is_some_and(|ids| ids.split_whitespace().next_back() == Some("1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_control_group() {
        assert_eq!(cgroup(Path::new("/a")), cgroup(Path::new("/a")));
        assert_ne!(cgroup(Path::new("/a")), cgroup(Path::new("/b")));
        assert!(remove_cgroups(&cgroup(Path::new("/no/such/cluster"))).is_ok());
    }

    #[test]
    fn a_process_that_is_no_node_is_not_found() {
        assert_eq!(node_process(Path::new("/no/such/node.sh"), 1).unwrap(), None);
    }
}
