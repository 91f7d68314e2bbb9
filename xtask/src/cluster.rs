//! `cargo xtask cluster`: Redis, three nodes and haproxy on this machine, until Ctrl-C.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::member::Member;
use crate::tools::{self, Servers};
use crate::{cargo, probe, process};

/// Where the page is unless told otherwise, as of a single node.
pub(crate) const PORT: u16 = 4000;

const NODES: usize = 3;

/// How long all may take to be ready; it is a second or two.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How often all members are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs a cluster until it is told to stop, or one of its processes ends.
pub(crate) fn run(root: &Path, port: u16) -> Result<()> {
    let servers = tools::provide_servers()?;
    process::run(cargo::command(root).args(["build", "--release", "--package", "gateway"]))?;
    let target = cargo::target_directory(root)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let parts = Parts {
        tickcast: target.join("release/tickcast"),
        balancer: root.join("deploy/haproxy/haproxy.cfg"),
        servers,
        folder: target.join("cluster"),
    };
    let mut cluster = Cluster::start(&parts, port)?;
    let outcome = cluster.serve(&stop);
    // Before the others end, which may take a while.
    if let Err(why) = &outcome {
        eprintln!("\n{why}");
    }
    println!("\nstopping; Ctrl-C again stops at once");
    stop.store(false, Ordering::Relaxed);
    cluster.stop(&stop);
    outcome.map_err(|_| anyhow!("the cluster was stopped because it was not whole"))
}

/// What a cluster is made of.
struct Parts {
    tickcast: PathBuf,
    /// The configuration of haproxy.
    balancer: PathBuf,
    servers: Servers,
    /// Where they run and log.
    folder: PathBuf,
}

/// Running processes; they end with it.
struct Cluster {
    port: u16,
    redis: u16,
    nodes: Vec<Ports>,
    logs: PathBuf,
    /// Redis, the nodes, haproxy.
    members: Vec<Member>,
}

/// The ports of a node.
#[derive(Clone, Copy)]
struct Ports {
    public: u16,
    internal: u16,
}

impl Cluster {
    fn start(parts: &Parts, port: u16) -> Result<Self> {
        fs::create_dir_all(&parts.folder)?;
        // haproxy would share the port with whoever has it.
        probe::is_free(port).with_context(|| format!("port {port} is taken; --port names another"))?;
        let free = probe::free_ports(1 + 2 * NODES)?;
        let nodes = free[1..].chunks(2).map(|pair| Ports { public: pair[0], internal: pair[1] }).collect();
        let mut cluster = Self { port, redis: free[0], nodes, logs: parts.folder.clone(), members: Vec::new() };
        cluster.add("redis", cluster.redis(parts), parts)?;
        for (nth, ports) in (1..).zip(cluster.nodes.clone()) {
            let name = format!("node-{nth}");
            cluster.add(&name, cluster.node(parts, &name, ports), parts)?;
        }
        cluster.add("haproxy", cluster.haproxy(parts), parts)?;
        Ok(cluster)
    }

    fn add(&mut self, name: &str, command: Command, parts: &Parts) -> Result<()> {
        self.members.push(Member::start(name, command, &parts.folder)?);
        Ok(())
    }

    fn redis(&self, parts: &Parts) -> Command {
        let mut command = Command::new(&parts.servers.redis);
        command.args(["--port", &self.redis.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command
    }

    fn node(&self, parts: &Parts, name: &str, ports: Ports) -> Command {
        let mut command = Command::new(&parts.tickcast);
        command
            .env("TICKCAST__NODE__ID", name)
            .env("TICKCAST__STORE__URL", format!("redis://127.0.0.1:{}", self.redis))
            .env("TICKCAST__PUBLIC__LISTEN", format!("127.0.0.1:{}", ports.public))
            .env("TICKCAST__INTERNAL__LISTEN", format!("127.0.0.1:{}", ports.internal))
            // All end together: there is nothing to notice, and a person waits.
            .env("TICKCAST__DRAIN__NOTICE", "0s")
            .env("TICKCAST__DRAIN__GRACE", "500ms");
        command
    }

    fn haproxy(&self, parts: &Parts) -> Command {
        let mut command = Command::new(&parts.servers.haproxy);
        command.args(["-db", "-f"]).arg(&parts.balancer).env("LISTEN", format!("127.0.0.1:{}", self.port));
        for (nth, ports) in (1..).zip(&self.nodes) {
            command.env(format!("NODE_{nth}"), format!("127.0.0.1:{}", ports.public));
            command.env(format!("NODE_{nth}_INTERNAL"), ports.internal.to_string());
        }
        command
    }

    /// Says where all is once it is ready, and waits for `stop`.
    fn serve(&mut self, stop: &AtomicBool) -> Result<()> {
        if self.until_ready(stop)? {
            print!("{}", self.table());
        }
        while !stop.load(Ordering::Relaxed) {
            self.all_run()?;
            sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Waits until every node is ready and the page is there; tells whether that came before `stop`.
    fn until_ready(&mut self, stop: &AtomicBool) -> Result<bool> {
        let end = Instant::now() + READY_WITHIN;
        while !stop.load(Ordering::Relaxed) {
            self.all_run()?;
            if self.is_ready() {
                return Ok(true);
            }
            if Instant::now() > end {
                let logs: String = self.members.iter().map(Member::tail).collect();
                bail!("not ready within {READY_WITHIN:?}\n{logs}");
            }
            sleep(LOOK_EVERY);
        }
        Ok(false)
    }

    fn is_ready(&self) -> bool {
        let ready = self.nodes.iter().all(|ports| probe::answers(ports.internal, "/readyz"));
        ready && probe::answers(self.port, "/api/health")
    }

    fn all_run(&mut self) -> Result<()> {
        self.members.iter_mut().try_for_each(Member::runs)
    }

    /// Ends all, the nodes first; at once from `now` on.
    fn stop(&mut self, now: &AtomicBool) {
        let [redis, nodes @ .., haproxy] = &mut self.members[..] else { return };
        for members in [nodes, slice::from_mut(haproxy), slice::from_mut(redis)] {
            members.iter_mut().for_each(Member::terminate);
            members.iter_mut().for_each(|member| member.ends(now));
        }
    }

    fn table(&self) -> String {
        let mut table = format!("\n  Tickcast  http://localhost:{}\n\n            public  internal\n", self.port);
        table += &format!("  haproxy   {:>6}\n", self.port);
        for (nth, ports) in (1..).zip(&self.nodes) {
            table += &format!("  node-{nth}    {:>6}  {:>8}\n", ports.public, ports.internal);
        }
        table += &format!(
            "  redis     {:>6}\n\n  Logs are in {}. Ctrl-C stops all, and timers are gone with it.\n",
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

    use super::*;

    #[test]
    fn a_cluster_serves_the_page_and_leaves_nothing_behind() {
        let parts = parts("serves");
        let port = probe::free_ports(1).unwrap()[0];
        let mut cluster = Cluster::start(&parts, port).unwrap();
        assert!(cluster.until_ready(&AtomicBool::new(false)).unwrap());
        assert!(probe::get(port, "/").unwrap().contains("<title>"));
        assert!(Cluster::start(&parts, port).err().unwrap().to_string().contains("is taken"));
        let table = cluster.table();
        let ports: Vec<u16> = cluster.nodes.iter().flat_map(|node| [node.public, node.internal]).collect();
        for port in ports.iter().chain([&port, &cluster.redis]) {
            assert!(table.contains(&format!(" {port}\n")) || table.contains(&format!(" {port} ")), "{table}");
        }
        cluster.stop(&AtomicBool::new(false));
        for member in &mut cluster.members {
            assert!(member.runs().is_err(), "{} has not ended", member.name);
        }
        for port in ports {
            assert!(TcpListener::bind(("127.0.0.1", port)).is_ok(), "{port} is still taken");
        }
        fs::remove_dir_all(&parts.folder).unwrap();
    }

    #[test]
    fn a_node_that_ends_is_named_and_its_log_shown() {
        let mut parts = parts("ends");
        parts.tickcast = "false".into();
        let mut cluster = Cluster::start(&parts, probe::free_ports(1).unwrap()[0]).unwrap();
        let error = cluster.until_ready(&AtomicBool::new(false)).unwrap_err().to_string();
        assert!(error.starts_with("node-") && error.contains("has ended"), "{error}");
        drop(cluster);
        fs::remove_dir_all(&parts.folder).unwrap();
    }

    /// With the binary that `cargo test --workspace` builds.
    fn parts(name: &str) -> Parts {
        let test = env::current_exe().unwrap();
        let tickcast = test.ancestors().nth(2).unwrap().join("tickcast");
        assert!(tickcast.is_file(), "`cargo build -p gateway` makes {}", tickcast.display());
        let found = |name| process::find(name).unwrap_or_else(|| panic!("`cargo xtask test` installs {name}"));
        Parts {
            tickcast,
            balancer: Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/haproxy/haproxy.cfg"),
            servers: Servers { redis: found("redis-server"), haproxy: found("haproxy") },
            folder: env::temp_dir().join(format!("tickcast-cluster-{name}-{}", std::process::id())),
        }
    }
}
