//! Several nodes over a Redis, each by a link of its own that can be cut.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::{DURABLE, Node, Proxy, RedisServer, binary, http};
use tokio::time::Instant;

/// How many nodes there are: one leads, one of the others may fail too, and one is left to compare with.
pub(crate) const NODES: usize = 3;

/// What a fault needs beside the usual.
#[derive(Clone, Debug, Default)]
pub(crate) struct Needs {
    /// Environment of all servers.
    pub(crate) server_environment: Vec<(&'static str, String)>,
    /// Environment of the first node.
    pub(crate) node_environment: Vec<(&'static str, String)>,
    /// Further settings of nodes.
    pub(crate) settings: Vec<(&'static str, &'static str)>,
    /// Whether there is a replica.
    pub(crate) replica: bool,
}

/// A span in which a node was not as it should be, by the time since the run began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trouble {
    pub(crate) node: usize,
    pub(crate) kind: Kind,
    pub(crate) from: Duration,
    pub(crate) until: Duration,
}

/// What was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It did not run.
    Down,
    /// It ran, but could not know what others do.
    Cut,
    /// For a moment, news came late: it, or Redis, was held up by a busy machine, or its link changed its pace.
    Stalled,
}

pub(crate) struct Cluster {
    pub(crate) primary: RedisServer,
    pub(crate) replica: Option<RedisServer>,
    pub(crate) nodes: Vec<Node>,
    /// The link of each node to Redis.
    pub(crate) links: Vec<Proxy>,
    pub(crate) troubles: Vec<Trouble>,
    pub(crate) begun: Instant,
}

impl Needs {
    /// Checks that the binary knows the settings.
    ///
    /// # Errors
    /// It does not: the fault can't be run, and that is not passed over.
    pub(crate) fn check(&self) -> Result<()> {
        let variable = |key: &str| format!("TICKCAST__{}", key.replace('.', "__").to_uppercase());
        let variables = self.settings.iter().map(|(key, value)| (variable(key), value));
        let checked = Command::new(binary()).args(["config", "check"]).envs(variables).output()?;
        let said = [checked.stdout, checked.stderr].concat();
        ensure!(checked.status.success(), "it was not run: {}", String::from_utf8_lossy(&said).trim());
        Ok(())
    }
}

impl Cluster {
    pub(crate) async fn start(needs: &Needs) -> Self {
        let environment: Vec<(&str, &str)> = borrowed(&needs.server_environment);
        let primary = RedisServer::start_as("redis-server", &DURABLE, &environment);
        let replica = needs.replica.then(|| RedisServer::start_as("redis-server", &DURABLE, &environment));
        if let Some(replica) = &replica {
            replica.follow(&primary);
        }
        let (mut nodes, mut links) = (Vec::new(), Vec::new());
        for nth in 0..NODES {
            let link = Proxy::start(primary.port()).await;
            let url = format!("redis://127.0.0.1:{}", link.port());
            let mut settings =
                vec![("store.url", url.as_str()), ("log.level", "info"), ("drain.notice", "0s"), ("drain.grace", "1s")];
            settings.extend(&needs.settings);
            let environment = if nth == 0 { borrowed(&needs.node_environment) } else { vec![] };
            nodes.push(Node::launch_in(&settings, &environment));
            links.push(link);
        }
        for node in &mut nodes {
            node.is_ready().await;
        }
        Self { primary, replica, nodes, links, troubles: vec![], begun: Instant::now() }
    }

    /// Returns the node that leads the beat by its own word, once one does.
    pub(crate) async fn leader(&self) -> Result<usize> {
        let end = Instant::now() + harness::DEADLINE;
        let mut look = tokio::time::interval(Duration::from_millis(20));
        loop {
            look.tick().await;
            for (nth, node) in self.nodes.iter().enumerate() {
                let answer = http::request(node.internal, "GET", "/cluster", &[], b"").await?.json();
                if answer["leader"] == answer["node"] {
                    return Ok(nth);
                }
            }
            ensure!(Instant::now() < end, "nobody leads");
        }
    }

    /// Notes that a node was in trouble since an instant.
    pub(crate) fn note(&mut self, node: usize, kind: Kind, since: Instant) {
        let from = since.saturating_duration_since(self.begun);
        self.troubles.push(Trouble { node, kind, from, until: self.begun.elapsed() });
    }

    /// Notes that all nodes were in trouble since an instant.
    pub(crate) fn note_all(&mut self, kind: Kind, since: Instant) {
        for node in 0..NODES {
            self.note(node, kind, since);
        }
    }

    /// Makes the replica the primary; what was the primary takes its place.
    pub(crate) fn promote_replica(&mut self) -> Result<()> {
        let replica = self.replica.take().context("there is no replica")?;
        replica.promote();
        self.replica = Some(std::mem::replace(&mut self.primary, replica));
        Ok(())
    }

    /// Writes down what nodes and servers have logged.
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
