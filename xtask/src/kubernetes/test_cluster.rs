//! Start and end of the cluster: nodes in namespaces of this machine, until all of them are Ready.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, thread};

use anyhow::{Context, Result, bail, ensure};

use super::folders::{Folders, text};
use super::images::Images;
use super::interrupt::Interrupt;
use super::kubectl::Kubectl;
use super::{addons, credentials, host};
use crate::process;

/// Nodes of the cluster: one for each zone, as a production cluster has at least.
pub(super) const NODES: usize = 3;

/// Limit for the start of the control plane, which takes 5 s on an idle machine.
const START_TIMEOUT: Duration = Duration::from_secs(90);

/// Limit for a node to become Ready after the start of its kubelet.
const NODE_TIMEOUT: Duration = Duration::from_secs(90);

/// Commands that users and scenarios run against the cluster.
const COMMANDS: [&str; 4] = ["in", "kubectl", "helm", "ctr"];

/// Lines of each log that an error shows.
const TAIL_LINES: &str = "3";

/// Starts the cluster, its DNS, metrics and storage. A cluster that is running ends first.
pub(super) fn start(folders: &Folders, images: &Images, interrupt: &Interrupt) -> Result<()> {
    stop(folders)?;
    let outcome = launch(folders, images, interrupt).and_then(|()| addons::install(folders, interrupt));
    interrupt.check()?;
    if outcome.is_err() {
        println!("{}", log_tails(folders));
    }
    outcome.with_context(|| format!("the cluster does not start; its logs are in {}", folders.logs().display()))
}

/// Ends the cluster, and removes all that belongs to it but its logs, programs and images.
pub(super) fn stop(folders: &Folders) -> Result<()> {
    let state = folders.state();
    if !state.is_dir() {
        return Ok(());
    }
    if let Some(first) = host::node_process(&state.join("node.sh"), 1)? {
        // With process 1 of its namespaces, the kernel ends all others in them, and removes mounts and links.
        process::run(Command::new("kill").args(["-KILL", &first.to_string()]))?;
        host::wait_for_exit(first)?;
    }
    host::restore_sysctls(&state.join("sysctls"))?;
    host::remove_cgroups(&host::cgroup(&folders.cluster))?;
    for name in COMMANDS.iter().chain(&["kubeconfig"]) {
        fs::remove_file(folders.cluster.join(name)).ok();
    }
    fs::remove_dir_all(&state).with_context(|| format!("cannot remove {}", state.display()))
}

fn launch(folders: &Folders, images: &Images, interrupt: &Interrupt) -> Result<()> {
    prepare(folders)?;
    spawn(folders)?;
    let kubectl = &Kubectl::new(folders);
    record_processes(folders, interrupt)?;
    import_images(kubectl, images, interrupt)?;
    mark(folders, "images.ready")?;
    interrupt.wait_until("the API server is ready", START_TIMEOUT, || {
        kubectl.kubectl(&["get", "--raw=/readyz"]).map(|answer| answer == "ok")
    })?;
    mark(folders, "api.ready")?;
    for node in 1..=NODES {
        configure_node(kubectl, interrupt, node)?;
        mark(folders, &format!("node-{node}.ready"))?;
    }
    Ok(())
}

/// Writes the configuration of all nodes, and the commands.
fn prepare(folders: &Folders) -> Result<()> {
    let state = folders.state();
    fs::create_dir_all(state.join("volumes"))?;
    if folders.logs().is_dir() {
        fs::remove_dir_all(folders.logs())?;
    }
    fs::create_dir_all(folders.logs())?;
    host::save_sysctls(&state.join("sysctls"))?;
    credentials::create(folders, NODES)?;
    // Names that the cluster's DNS does not know are asked here, where nothing answers.
    fs::write(state.join("resolv.conf"), "nameserver 127.0.0.1\n")?;
    fs::copy(folders.sources.join("node.sh"), state.join("node.sh"))?;
    for name in COMMANDS {
        fs::copy(folders.sources.join("commands").join(name), folders.cluster.join(name))?;
    }
    for node in 1..=NODES {
        let home = folders.node(node);
        for folder in ["containerd", "cni", "pod-logs", "kubelet"] {
            fs::create_dir_all(home.join(folder))?;
        }
        let files = [
            ("containerd.toml", "containerd.toml"),
            ("cni.conflist", "cni/10-pods.conflist"),
            ("kubelet.yaml", "kubelet.yaml"),
            ("kube-proxy.yaml", "kube-proxy.yaml"),
        ];
        for (source, destination) in files {
            let template = fs::read_to_string(folders.sources.join("config").join(source))?;
            let rendered = render(folders, node, &template).with_context(|| format!("config/{source}"))?;
            fs::write(home.join(destination), rendered)?;
        }
    }
    Ok(())
}

/// Replaces the placeholders of a file in `deploy/test/kubernetes`.
pub(super) fn render(folders: &Folders, node: usize, template: &str) -> Result<String> {
    let rendered = template
        .replace("@HOME@", text(&folders.node(node))?)
        .replace("@RUN@", text(&folders.state())?)
        .replace("@NODE@", &node.to_string())
        .replace("@CGROUP@", &host::cgroup(&folders.cluster));
    ensure!(!rendered.contains('@'), "an unknown placeholder remains");
    Ok(rendered)
}

fn spawn(folders: &Folders) -> Result<()> {
    let log = File::create(folders.logs().join("node-1.log"))?;
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "bash"]);
    command.arg(folders.state().join("node.sh")).arg("1");
    command.env("NODES", NODES.to_string()).env("RUN", folders.state()).env("LOG", folders.logs());
    command.env("BIN", folders.programs()).env("CGROUP", host::cgroup(&folders.cluster));
    command.env("PATH", search_path()?);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    // Ctrl-C must reach only this program, which then ends the cluster: hence a process group.
    command.process_group(0).spawn().context("cannot start `unshare`")?;
    Ok(())
}

/// Returns the search path with the folders of servers, where Debian puts runc and nft.
fn search_path() -> Result<String> {
    Ok(format!("{}:/usr/sbin:/sbin", env::var("PATH").context("PATH is not set")?))
}

/// Writes the process id of each node, by which commands enter its network, and by which a scenario kills it.
fn record_processes(folders: &Folders, interrupt: &Interrupt) -> Result<()> {
    let script = folders.state().join("node.sh");
    for node in 1..=NODES {
        let mut found = None;
        interrupt.wait_until(&format!("node {node} has started"), START_TIMEOUT, || {
            found = host::node_process(&script, node)?;
            Ok(found.is_some())
        })?;
        let Some(process) = found else { bail!("node {node} has no process") };
        fs::write(folders.state().join(format!("n{node}.pid")), format!("{process}\n"))?;
    }
    Ok(())
}

/// Imports the images on all nodes at once: each has a container runtime of its own.
fn import_images(kubectl: &Kubectl, images: &Images, interrupt: &Interrupt) -> Result<()> {
    for node in 1..=NODES {
        let what = format!("the container runtime of node {node} answers");
        interrupt.wait_until(&what, START_TIMEOUT, || Ok(kubectl.runtime_answers(node)))?;
    }
    let import = |node: usize| -> Result<()> {
        let own: &[PathBuf] = if node == 1 { &images.first_node } else { &[] };
        images.every_node.iter().chain(own).try_for_each(|archive| kubectl.import(node, archive))
    };
    thread::scope(|scope| {
        let imports: Vec<_> = (1..=NODES).map(|node| scope.spawn(move || import(node))).collect();
        imports.into_iter().try_for_each(|import| match import.join() {
            Ok(outcome) => outcome,
            Err(_) => bail!("the import of an image has panicked"),
        })
    })
}

/// Waits for a node, and gives it its addresses for pods and its zone.
fn configure_node(kubectl: &Kubectl, interrupt: &Interrupt, node: usize) -> Result<()> {
    let name = format!("n{node}");
    interrupt.wait_until(&format!("node {name} is Ready"), NODE_TIMEOUT, || {
        let conditions = kubectl.get(&["node", &name])?;
        let conditions = conditions["status"]["conditions"].as_array().cloned().unwrap_or_default();
        Ok(conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True"))
    })?;
    let (ipv4, ipv6) = (format!("10.244.{node}.0/24"), format!("fd00:10:244:{node}::/64"));
    let patch = serde_json::json!({ "spec": { "podCIDR": ipv4, "podCIDRs": [ipv4, ipv6] } });
    kubectl.kubectl(&["patch", "node", &name, "--type=merge", &format!("--patch={patch}")])?;
    let zone = format!("topology.kubernetes.io/zone=z{node}");
    kubectl.kubectl(&["label", "node", &name, "topology.kubernetes.io/region=test", &zone]).map(drop)
}

fn mark(folders: &Folders, name: &str) -> Result<()> {
    File::create(folders.state().join(name)).map(drop).with_context(|| format!("cannot write {name}"))
}

fn log_tails(folders: &Folders) -> String {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("tail -n {TAIL_LINES} -- *.log")]).current_dir(folders.logs());
    process::output(&mut command).unwrap_or_default()
}
