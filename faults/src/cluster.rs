//! Several nodes over a Redis, each with its own link that can be cut.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::{DURABLE, Endpoint, Node, Proxy, RedisServer, RedisWithSentinels, binary, http};
use tokio::time::Instant;

use crate::focus::IDLE_AFTER;
use crate::target::{NodeAddress, Target};

/// Number of nodes: the leader, another one that may fail, and one to compare with.
pub(crate) const NODES: usize = 3;

/// Time within which a member of a room can resume its membership: a setting of the nodes, and the same in numbers.
/// It is short so that a run can wait until lost members have been removed.
pub(crate) const RECONNECT_WITHIN: (&str, Duration) = ("900ms", Duration::from_millis(900));

/// The requirements of a fault.
#[derive(Clone, Debug, Default)]
pub(crate) struct Needs {
    /// Environment of all servers.
    pub(crate) server_environment: Vec<(&'static str, String)>,
    /// Environment of the first node.
    pub(crate) node_environment: Vec<(&'static str, String)>,
    /// Additional settings of nodes.
    pub(crate) settings: Vec<(&'static str, &'static str)>,
    /// Whether there is a replica.
    pub(crate) replica: bool,
    /// Whether there are two replicas and sentinels, which the nodes ask for the primary.
    pub(crate) sentinels: bool,
}

/// A period in which a node was disturbed, in time since the start of the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disturbance {
    pub(crate) node: usize,
    pub(crate) kind: DisturbanceKind,
    pub(crate) from: Duration,
    pub(crate) until: Duration,
}

/// The kind of a disturbance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DisturbanceKind {
    /// The node did not run.
    Down,
    /// The node ran without the updates of other nodes.
    Disconnected,
    /// Updates were delayed for a moment: a busy machine stalled the node or Redis, or the delay of the link changed.
    Stalled,
}

pub(crate) struct Cluster {
    pub(crate) primary: RedisServer,
    /// The replica, or the former primary.
    pub(crate) replica: Option<RedisServer>,
    /// The sentinels, with the servers that are neither of these.
    sentinels: Option<RedisWithSentinels>,
    pub(crate) nodes: Vec<Node>,
    /// The link of each node to Redis; with sentinels it is not used.
    pub(crate) links: Vec<Proxy>,
    pub(crate) disturbances: Vec<Disturbance>,
    pub(crate) started_at: Instant,
}

impl Needs {
    /// Checks that the binary knows the settings.
    ///
    /// # Errors
    /// It does not: the fault can't be run, and the suite must report that.
    pub(crate) fn check(&self) -> Result<()> {
        let variable = |key: &str| format!("TICKCAST__{}", key.replace('.', "__").to_uppercase());
        let variables = self.settings.iter().map(|(key, value)| (variable(key), value));
        let checked = Command::new(binary()).args(["config", "check"]).envs(variables).output()?;
        let output = [checked.stdout, checked.stderr].concat();
        ensure!(checked.status.success(), "the fault was not run: {}", String::from_utf8_lossy(&output).trim());
        Ok(())
    }
}

impl Cluster {
    pub(crate) async fn start(needs: &Needs) -> Self {
        let environment: Vec<(&str, &str)> = borrowed(&needs.server_environment);
        let mut sentinels = needs.sentinels.then(|| RedisWithSentinels::start_with(&DURABLE));
        let sentinel_url = sentinels.as_ref().map(RedisWithSentinels::url);
        let start = || RedisServer::start_as("redis-server", &DURABLE, &environment);
        let (primary, replica) = match &mut sentinels {
            Some(redis) => (redis.servers.remove(0), Some(redis.servers.remove(0))),
            None => {
                let (primary, replica) = (start(), needs.replica.then(start));
                if let Some(replica) = &replica {
                    replica.follow(&primary);
                }
                (primary, replica)
            }
        };
        let (mut nodes, mut links) = (Vec::new(), Vec::new());
        for nth in 0..NODES {
            let link = Proxy::start(primary.port()).await;
            let url = sentinel_url.clone().unwrap_or_else(|| format!("redis://127.0.0.1:{}", link.port()));
            let mut settings =
                vec![("store.url", url.as_str()), ("log.level", "info"), ("drain.notice", "0s"), ("drain.grace", "1s")];
            settings.push(("auth.test_headers", "true"));
            settings.push(("rooms.reconnect_within", RECONNECT_WITHIN.0));
            settings.push(("focus.idle_after", IDLE_AFTER.0));
            settings.extend(&needs.settings);
            let environment = if nth == 0 { borrowed(&needs.node_environment) } else { vec![] };
            nodes.push(Node::launch_in(&settings, &environment));
            links.push(link);
        }
        for node in &mut nodes {
            node.is_ready().await;
        }
        let (disturbances, started_at) = (vec![], Instant::now());
        Self { primary, replica, sentinels, nodes, links, disturbances, started_at }
    }

    /// Returns the addresses of the nodes and of the primary.
    pub(crate) fn target(&self) -> Target {
        let address = |node: &Node| NodeAddress { public: node.public.address(), internal: node.internal.address() };
        let nodes = self.nodes.iter().map(address).collect();
        Target { nodes, redis: self.primary.address(), started_at: self.started_at }
    }

    /// Waits for a node that reports itself as the leader of the beat, and returns it.
    pub(crate) async fn leader(&self) -> Result<usize> {
        let end = Instant::now() + harness::DEADLINE;
        let mut poll = tokio::time::interval(Duration::from_millis(20));
        loop {
            poll.tick().await;
            for (nth, node) in self.nodes.iter().enumerate() {
                let response = http::request(node.internal, "GET", "/cluster", &[], b"").await?.json();
                if response["leader"] == response["node"] {
                    return Ok(nth);
                }
            }
            ensure!(Instant::now() < end, "no node leads");
        }
    }

    /// Records a disturbance of a node since an instant.
    pub(crate) fn note(&mut self, node: usize, kind: DisturbanceKind, since: Instant) {
        let from = since.saturating_duration_since(self.started_at);
        self.disturbances.push(Disturbance { node, kind, from, until: self.started_at.elapsed() });
    }

    /// Records a disturbance of all nodes since an instant.
    pub(crate) fn note_all(&mut self, kind: DisturbanceKind, since: Instant) {
        for node in 0..NODES {
            self.note(node, kind, since);
        }
    }

    /// Makes the replica the primary, and keeps the former primary as the replica.
    pub(crate) fn promote_replica(&mut self) -> Result<()> {
        let replica = self.replica.take().context("there is no replica")?;
        replica.promote();
        self.replica = Some(std::mem::replace(&mut self.primary, replica));
        Ok(())
    }

    pub(crate) fn sentinels(&self) -> Result<&RedisWithSentinels> {
        self.sentinels.as_ref().context("there are no sentinels")
    }

    /// Returns the primary before the failover.
    pub(crate) fn old_primary(&self) -> Result<&RedisServer> {
        self.replica.as_ref().context("there is no former primary")
    }

    /// Makes the server that the sentinels name the primary, and keeps the former one; returns whether they name another
    /// one.
    pub(crate) fn follow_sentinels(&mut self) -> Result<bool> {
        let sentinels = self.sentinels.as_mut().context("there are no sentinels")?;
        let Some(named) = sentinels.named_primary().filter(|port| *port != self.primary.port()) else {
            return Ok(false);
        };
        let replica = self.replica.take().context("there is no replica")?;
        sentinels.servers.push(replica);
        let at = sentinels.servers.iter().position(|server| server.port() == named).context("an unknown primary")?;
        self.replica = Some(std::mem::replace(&mut self.primary, sentinels.servers.swap_remove(at)));
        Ok(true)
    }

    /// Saves the logs of nodes and servers.
    pub(crate) fn keep_logs(&self, folder: &Path) -> Result<()> {
        for (nth, node) in self.nodes.iter().enumerate() {
            std::fs::write(folder.join(format!("node-{nth}.log")), node.log())?;
        }
        std::fs::write(folder.join("redis.log"), self.primary.log())?;
        if let Some(replica) = &self.replica {
            std::fs::write(folder.join("redis-2.log"), replica.log())?;
        }
        Ok(())
    }
}

fn borrowed<'a>(pairs: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    pairs.iter().map(|(name, value)| (*name, value.as_str())).collect()
}
