//! The memory limit of a container, below what it uses: the kernel ends it as it would at its own limit.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, interval};

/// Time within which a node under load allocates more than its limit.
const KILL_TIMEOUT: Duration = Duration::from_secs(30);

/// Interval at which the limit is lowered again: the kernel refuses a limit below what it cannot reclaim.
const LOWER_INTERVAL: Duration = Duration::from_millis(20);

/// The files of a container's memory controller.
struct MemoryFiles {
    usage: PathBuf,
    limit: PathBuf,
}

/// Lowers the limit of the container with a process of this name to what it uses, until the kernel has killed the process.
///
/// # Errors
/// The container has no such process, or the kernel does not kill it.
pub(super) async fn lower_until_killed(pod_uid: &str, name: &str) -> Result<()> {
    let (process, files) = find(pod_uid, name)?;
    let end = Instant::now() + KILL_TIMEOUT;
    let mut lower = interval(LOWER_INTERVAL);
    while Instant::now() < end {
        lower.tick().await;
        if !process.exists() {
            return Ok(());
        }
        if let Ok(usage) = fs::read_to_string(&files.usage) {
            // The kernel refuses a limit that it cannot reach by reclaiming; the next attempt is with another use.
            let _ = fs::write(&files.limit, usage.trim());
        }
    }
    bail!("the kernel does not kill {name} of the pod {pod_uid} at its limit")
}

/// Finds the process of a container of a pod, and the files of its memory controller.
fn find(pod_uid: &str, name: &str) -> Result<(PathBuf, MemoryFiles)> {
    for entry in fs::read_dir("/proc")?.filter_map(Result::ok) {
        let process = entry.path();
        let Ok(groups) = fs::read_to_string(process.join("cgroup")) else { continue };
        let is_named = fs::read_to_string(process.join("comm")).is_ok_and(|comm| comm.trim() == name);
        if is_named && groups.contains(&format!("pod{pod_uid}")) {
            let files = memory_files(&groups).with_context(|| format!("no memory controller in {groups}"))?;
            return Ok((process, files));
        }
    }
    bail!("no process {name} of the pod {pod_uid} runs on this machine")
}

/// Reads `/proc/<pid>/cgroup`: the hierarchy of the memory controller, or the unified one.
fn memory_files(groups: &str) -> Option<MemoryFiles> {
    let mut fields = groups.lines().map(|line| line.splitn(3, ':').collect::<Vec<_>>());
    if let Some(fields) = fields.clone().find(|fields| fields.get(1) == Some(&"memory")) {
        let folder = PathBuf::from("/sys/fs/cgroup/memory").join(fields.get(2)?.trim_start_matches('/'));
        return Some(MemoryFiles {
            usage: folder.join("memory.usage_in_bytes"),
            limit: folder.join("memory.limit_in_bytes"),
        });
    }
    let unified = fields.find(|fields| fields.first() == Some(&"0"))?;
    let folder = PathBuf::from("/sys/fs/cgroup").join(unified.get(2)?.trim_start_matches('/'));
    Some(MemoryFiles { usage: folder.join("memory.current"), limit: folder.join("memory.max") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_control_groups_are_read() {
        let limit = |groups| memory_files(groups).unwrap().limit.display().to_string();
        let one = "5:cpu:/k8s/podx/c\n4:memory:/k8s/podx/c\n";
        assert_eq!(limit(one), "/sys/fs/cgroup/memory/k8s/podx/c/memory.limit_in_bytes");
        assert_eq!(limit("0::/k8s/podx/c\n"), "/sys/fs/cgroup/k8s/podx/c/memory.max");
        assert!(memory_files("5:cpu:/x\n").is_none());
    }
}
