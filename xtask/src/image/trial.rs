//! Runs a built image as a cluster does: without privileges, on a root that cannot be written, as process 1.

mod container;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::{Buildah, Tag};
use crate::{ports, process};

use container::{Container, USER};

/// A notice that no trial outlasts, so that only a second signal can end the node.
const LONG_NOTICE: &str = "1h";

/// Runs the image twice: one node gets one signal to stop, the other two.
pub(super) fn run(buildah: &Buildah, runc: &Path, tag: &Tag, folder: &Path) -> Result<()> {
    buildah.with_container(&tag.to_string(), |name| {
        let root = process::output(buildah.command().args(["mount", name]))?;
        let root = Path::new(root.trim());
        let folder = folder.join("trial");
        let start = |notice: &str| -> Result<Container> {
            if folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
            fs::create_dir_all(folder.join("data"))?;
            fs::write(folder.join("tickcast.toml"), configuration(notice)?)?;
            Container::start(runc, root, &folder)
        };
        stop_with_one_signal(start("0s")?, &folder)?;
        stop_with_two_signals(start(LONG_NOTICE)?)?;
        process::output(buildah.command().args(["umount", name])).map(drop)
    })
}

fn configuration(notice: &str) -> Result<String> {
    let ports = ports::free_ports(2)?;
    Ok(format!(
        "public.listen = \"127.0.0.1:{}\"\ninternal.listen = \"127.0.0.1:{}\"\ndrain.notice = \"{notice}\"\n",
        ports[0], ports[1]
    ))
}

fn stop_with_one_signal(mut container: Container, folder: &Path) -> Result<()> {
    container.wait_until_ready()?;
    check_privileges(&container)?;
    container.healthcheck(&[])?;
    let children = container.children()?;
    ensure!(children.is_empty(), "process 1 has the children {children} after health checks, which no one waits for");
    let store = folder.join("data/data/tickcast.redb");
    ensure!(store.is_file(), "the default store is not in the volume of the data: no {}", store.display());
    container.terminate()?;
    let status = container.wait()?;
    ensure!(status.success(), "after SIGTERM the node ends with {status}");
    println!("runs as user {USER} without privileges on a read-only root; SIGTERM ends it with exit code 0");
    Ok(())
}

fn stop_with_two_signals(mut container: Container) -> Result<()> {
    container.wait_until_ready()?;
    container.terminate()?;
    container.wait_until_unready()?;
    container.healthcheck(&[]).context("a stopping node must be alive")?;
    container.terminate()?;
    let status = container.wait()?;
    ensure!(status.success(), "after a second SIGTERM the node ends with {status}");
    println!("a second SIGTERM ends it at once");
    Ok(())
}

fn check_privileges(container: &Container) -> Result<()> {
    let status = container.process_status()?;
    let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let user = USER.to_string();
    for ids in ["Uid:", "Gid:"] {
        let is_user = value(ids).is_some_and(|ids| ids.split_whitespace().all(|id| id == user));
        ensure!(is_user, "the program does not run as {USER}:\n{status}");
    }
    for (name, expected) in [("CapEff:", "0000000000000000"), ("CapBnd:", "0000000000000000"), ("NoNewPrivs:", "1")] {
        ensure!(value(name) == Some(expected), "{name} must be {expected}:\n{status}");
    }
    let is_first = value("NSpid:").is_some_and(|pids| pids.split_whitespace().last() == Some("1"));
    ensure!(is_first, "the program is not process 1 of its container:\n{status}");
    Ok(())
}
