//! A Redis Cluster on loopback.

use crate::redis::sentinel::cli;
use crate::wait::block_until;
use crate::{MovableClock, RedisServer, free_port};

const SLOTS: usize = 16384;

/// A cluster of primaries, each with or without a replica.
pub struct RedisCluster {
    /// The initial primaries, then a replica of each.
    pub servers: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts primaries, optionally with a replica each, and waits until all servers agree.
    ///
    /// # Panics
    /// If they do not agree in time.
    pub fn start(primaries: usize, with_replicas: bool) -> Self {
        let count = if with_replicas { 2 * primaries } else { primaries };
        Self::of((0..count).map(|_| server(RedisServer::start_with)).collect(), primaries)
    }

    /// Starts one primary per clock.
    ///
    /// # Panics
    /// As [`RedisCluster::start`].
    pub fn start_by(clocks: &[MovableClock]) -> Self {
        let by = |clock| server(|options| RedisServer::start_by_with(clock, options));
        Self::of(clocks.iter().map(by).collect(), clocks.len())
    }

    fn of(servers: Vec<(RedisServer, u16)>, primaries: usize) -> Self {
        let count = servers.len();
        let (first, _) = &servers[0];
        for (nth, (server, _)) in servers[..primaries].iter().enumerate() {
            let range = [nth * SLOTS / primaries, (nth + 1) * SLOTS / primaries - 1].map(|slot| slot.to_string());
            must(server, &["CLUSTER", "ADDSLOTSRANGE", &range[0], &range[1]]);
            must(server, &["CLUSTER", "SET-CONFIG-EPOCH", &(nth + 1).to_string()]);
        }
        for (server, bus) in &servers[1..] {
            must(first, &["CLUSTER", "MEET", "127.0.0.1", &server.port().to_string(), &bus.to_string()]);
        }
        let servers: Vec<RedisServer> = servers.into_iter().map(|(server, _)| server).collect();
        let cluster = Self { servers };
        let known = format!("cluster_known_nodes:{count}\r\n");
        cluster.wait_for(&["CLUSTER", "INFO"], |info| info.contains(&known));
        for nth in primaries..count {
            let id = cluster.id(nth - primaries);
            must(&cluster.servers[nth], &["CLUSTER", "REPLICATE", &id]);
            cluster.servers[nth].wait_for_primary();
        }
        cluster.wait_for(&["CLUSTER", "INFO"], |info| info.contains("cluster_state:ok"));
        cluster
    }

    /// Returns the address for clients, with two of the servers.
    pub fn url(&self) -> String {
        let [first, second] = [0, 1].map(|nth| self.servers[nth].port());
        format!("redis+cluster://127.0.0.1:{first}?node=127.0.0.1:{second}")
    }

    /// Moves slots from one primary to another under load, and waits until all servers agree.
    ///
    /// # Panics
    /// If they do not agree in time.
    pub fn move_slots(&self, from: usize, to: usize, count: usize) {
        let address = format!("127.0.0.1:{}", self.servers[to].port());
        let (source, target, count) = (self.id(from), self.id(to), count.to_string());
        let args = ["--cluster", "reshard", &address, "--cluster-from", &source, "--cluster-to", &target];
        let output = cli(self.servers[to].port(), &[&args[..], &["--cluster-slots", &count, "--cluster-yes"]].concat());
        assert!(!output.contains("[ERR]"), "{output}");
    }

    /// Returns the index of the primary of a slot, according to the servers.
    pub fn owner(&self, slot: usize) -> Option<usize> {
        let nodes = self.servers.iter().filter_map(|server| server.command(&["CLUSTER", "NODES"]).ok());
        nodes.into_iter().find_map(|nodes| {
            let line = nodes.lines().find(|line| line.contains("master") && has_slot(line, slot))?;
            let port: u16 = line.split([':', '@']).nth(1)?.parse().ok()?;
            self.servers.iter().position(|server| server.port() == port)
        })
    }

    fn id(&self, nth: usize) -> String {
        self.servers[nth].command(&["CLUSTER", "MYID"]).unwrap()
    }

    fn wait_for(&self, args: &[&str], expected: impl Fn(&str) -> bool) {
        let is_expected = |server: &RedisServer| server.command(args).is_ok_and(|reply| expected(&reply));
        block_until("the cluster to come up", || self.servers.iter().all(is_expected));
    }
}

fn server(start: impl Fn(&[&str]) -> RedisServer) -> (RedisServer, u16) {
    let bus = free_port();
    let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1500", "--cluster-port", &bus.to_string()];
    (start(&options), bus)
}

fn must(server: &RedisServer, args: &[&str]) {
    let reply = server.command(args).unwrap();
    assert_eq!(reply, "+OK", "{args:?}");
}

fn has_slot(line: &str, slot: usize) -> bool {
    line.split_whitespace().skip(8).filter(|arg| !arg.starts_with('[')).any(|arg| {
        let (first, last) = arg.split_once('-').unwrap_or((arg, arg));
        let range = first.parse::<usize>().ok().zip(last.parse().ok());
        range.is_some_and(|(first, last)| (first..=last).contains(&slot))
    })
}
