//! `cargo xtask cluster`: Redis, three nodes and haproxy on this machine, until Ctrl-C.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::child::{self, ChildProcess};
use crate::servers::{self, NodePorts};
use crate::workspace::Workspace;
use crate::{ports, process, tools};

/// Default port of the page, the same as for a single node.
pub(crate) const PORT: u16 = 4000;

const NODES: usize = 3;

/// Limit for the start of all processes, which takes a second or two.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Interval of the check that all processes are running.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Runs a cluster until a signal arrives or one of its processes exits.
pub(crate) fn run(workspace: &Workspace, port: u16) -> Result<()> {
    let [redis, haproxy] = tools::install_for_cluster()?;
    process::run(&mut workspace.cargo(&["build", "--release", "--package", "gateway"]))?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let setup = ClusterSetup {
        tickcast: workspace.target.join("release/tickcast"),
        haproxy_config: workspace.root.join("deploy/haproxy/haproxy.cfg"),
        redis,
        haproxy,
        folder: workspace.target.join("cluster"),
    };
    let mut cluster = Cluster::start(&setup, port)?;
    let outcome = cluster.serve(&stop);
    // Printed now, because the other processes may take a while to exit.
    if let Err(error) = &outcome {
        eprintln!("\n{error}");
    }
    println!("\nstopping; Ctrl-C again stops at once");
    stop.store(false, Ordering::Relaxed);
    cluster.stop(&stop);
    outcome.map_err(|_| anyhow!("the cluster was stopped because one of its processes failed"))
}

/// The programs and files of a cluster.
struct ClusterSetup {
    tickcast: PathBuf,
    haproxy_config: PathBuf,
    redis: PathBuf,
    haproxy: PathBuf,
    /// Working folder of all processes, with their logs.
    folder: PathBuf,
}

/// Running processes, which are killed when it is dropped.
struct Cluster {
    port: u16,
    redis: u16,
    nodes: Vec<NodePorts>,
    logs: PathBuf,
    /// Redis, the nodes, haproxy.
    processes: Vec<ChildProcess>,
}

impl Cluster {
    fn start(setup: &ClusterSetup, port: u16) -> Result<Self> {
        fs::create_dir_all(&setup.folder)?;
        // haproxy would share the port with its present user.
        ports::require_free(port).with_context(|| format!("port {port} is in use; --port selects another"))?;
        let free = ports::free_ports(1 + 2 * NODES)?;
        let nodes = free[1..].chunks(2).map(|pair| NodePorts { public: pair[0], internal: pair[1] }).collect();
        let mut cluster = Self { port, redis: free[0], nodes, logs: setup.folder.clone(), processes: Vec::new() };
        cluster.add("redis", servers::redis(&setup.redis, cluster.redis))?;
        for (number, ports) in (1..).zip(cluster.nodes.clone()) {
            let name = format!("node-{number}");
            cluster.add(&name, cluster.node(setup, &name, ports))?;
        }
        cluster.add("haproxy", cluster.haproxy(setup))?;
        Ok(cluster)
    }

    fn add(&mut self, name: &str, command: Command) -> Result<()> {
        self.processes.push(ChildProcess::start(name, command, &self.logs)?);
        Ok(())
    }

    fn node(&self, setup: &ClusterSetup, name: &str, ports: NodePorts) -> Command {
        let mut command = servers::tickcast(&setup.tickcast, self.redis, ports);
        command
            .env("TICKCAST__NODE__ID", name)
            // All nodes stop together and a person waits: no client can move to another node.
            .env("TICKCAST__DRAIN__NOTICE", "0s")
            .env("TICKCAST__DRAIN__GRACE", "500ms");
        command
    }

    fn haproxy(&self, setup: &ClusterSetup) -> Command {
        let mut command = Command::new(&setup.haproxy);
        command.args(["-db", "-f"]).arg(&setup.haproxy_config).env("LISTEN", format!("127.0.0.1:{}", self.port));
        for (number, ports) in (1..).zip(&self.nodes) {
            command.env(format!("NODE_{number}"), format!("127.0.0.1:{}", ports.public));
            command.env(format!("NODE_{number}_INTERNAL"), ports.internal.to_string());
        }
        command
    }

    /// Prints the addresses once the cluster is ready, and waits for `stop`.
    fn serve(&mut self, stop: &AtomicBool) -> Result<()> {
        if self.wait_until_ready(stop)? {
            print!("{}", self.address_table());
        }
        while !stop.load(Ordering::Relaxed) {
            self.processes.iter_mut().try_for_each(ChildProcess::require_running)?;
            sleep(CHECK_INTERVAL);
        }
        Ok(())
    }

    /// Waits until every node is ready and the page is served; returns false if `stop` is set first.
    fn wait_until_ready(&mut self, stop: &AtomicBool) -> Result<bool> {
        let (nodes, port) = (&self.nodes, self.port);
        let is_stopping = || stop.load(Ordering::Relaxed);
        let is_ready = || {
            let nodes_ready = nodes.iter().all(|ports| ports::is_ok(ports.internal, "/readyz"));
            nodes_ready && ports::is_ok(port, "/api/health")
        };
        child::wait_until(&mut self.processes, START_TIMEOUT, || is_stopping() || is_ready())?;
        Ok(!is_stopping())
    }

    /// Stops all processes, the nodes first; kills them from the moment `force` is set.
    fn stop(&mut self, force: &AtomicBool) {
        let [redis, nodes @ .., haproxy] = &mut self.processes[..] else { return };
        for processes in [nodes, slice::from_mut(haproxy), slice::from_mut(redis)] {
            processes.iter_mut().for_each(ChildProcess::terminate);
            processes.iter_mut().for_each(|process| process.wait_for_exit(force));
        }
    }

    fn address_table(&self) -> String {
        let mut table = format!("\n  Tickcast  http://localhost:{}\n\n            public  internal\n", self.port);
        table += &format!("  haproxy   {:>6}\n", self.port);
        for (number, ports) in (1..).zip(&self.nodes) {
            table += &format!("  node-{number}    {:>6}  {:>8}\n", ports.public, ports.internal);
        }
        table += &format!(
            "  redis     {:>6}\n\n  Logs are in {}. Ctrl-C stops all processes; timers are not kept.\n",
            self.redis,
            self.logs.display()
        );
        table
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::net::TcpListener;
    use std::path::Path;

    use super::*;

    #[test]
    fn a_cluster_serves_the_page_and_leaves_nothing_behind() {
        let setup = setup("serves");
        let port = ports::free_ports(1).unwrap()[0];
        let mut cluster = Cluster::start(&setup, port).unwrap();
        assert!(cluster.wait_until_ready(&AtomicBool::new(false)).unwrap());
        assert!(ports::get(port, "/").unwrap().contains("<title>"));
        assert!(Cluster::start(&setup, port).err().unwrap().to_string().contains("is in use"));
        let table = cluster.address_table();
        let ports: Vec<u16> = cluster.nodes.iter().flat_map(|node| [node.public, node.internal]).collect();
        for port in ports.iter().chain([&port, &cluster.redis]) {
            assert!(table.contains(&format!(" {port}\n")) || table.contains(&format!(" {port} ")), "{table}");
        }
        cluster.stop(&AtomicBool::new(false));
        for process in &mut cluster.processes {
            assert!(process.require_running().is_err(), "{} has not exited", process.name);
        }
        for port in ports {
            assert!(TcpListener::bind(("127.0.0.1", port)).is_ok(), "{port} is still in use");
        }
        fs::remove_dir_all(&setup.folder).unwrap();
    }

    #[test]
    fn a_node_that_exits_is_named_and_its_log_shown() {
        let mut setup = setup("exits");
        setup.tickcast = "false".into();
        let mut cluster = Cluster::start(&setup, ports::free_ports(1).unwrap()[0]).unwrap();
        let error = cluster.wait_until_ready(&AtomicBool::new(false)).unwrap_err().to_string();
        assert!(error.starts_with("node-") && error.contains("has exited"), "{error}");
        drop(cluster);
        fs::remove_dir_all(&setup.folder).unwrap();
    }

    /// Uses the binary that `cargo test --workspace` builds.
    fn setup(name: &str) -> ClusterSetup {
        let test = env::current_exe().unwrap();
        let tickcast = test.ancestors().nth(2).unwrap().join("tickcast");
        assert!(tickcast.is_file(), "`cargo build -p gateway` makes {}", tickcast.display());
        let found = |name| process::find(name).unwrap_or_else(|| panic!("`cargo xtask test` installs {name}"));
        ClusterSetup {
            tickcast,
            haproxy_config: Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/haproxy/haproxy.cfg"),
            redis: found("redis-server"),
            haproxy: found("haproxy"),
            folder: env::temp_dir().join(format!("tickcast-cluster-{name}-{}", std::process::id())),
        }
    }
}
