//! The faults: what each needs, which laws it suspends, and what it does.

use std::time::Duration;

use anyhow::{Result, ensure};
use fastrand::Rng;
use tokio::time::sleep;

use crate::clocks::Clocks;
use crate::cluster::{Cluster, Needs};
use crate::oracle::Laws;

mod links;
mod nodes;
mod servers;
mod time;

/// One way of failing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    KillNode,
    KillLeader,
    FreezeLeader,
    FreezeFollower,
    RestartNodes,
    Starvation,
    KillRedis,
    FreezeRedis,
    ClientKill,
    FlushAll,
    CutBoth,
    CutToRedis,
    CutFromRedis,
    Delay,
    NodeClockAhead,
    NodeClockBehind,
    RedisClockAhead,
    RedisClockBehind,
    FailoverLagging,
    Failover,
}

/// What a fault works on.
pub(crate) struct Scene<'s> {
    pub(crate) cluster: &'s mut Cluster,
    pub(crate) clocks: &'s Clocks,
    pub(crate) random: &'s mut Rng,
    pub(crate) short: bool,
}

impl Fault {
    /// All faults, in the order in which they are run.
    pub(crate) const ALL: [Self; 20] = [
        Self::KillNode,
        Self::KillLeader,
        Self::FreezeLeader,
        Self::FreezeFollower,
        Self::RestartNodes,
        Self::Starvation,
        Self::KillRedis,
        Self::FreezeRedis,
        Self::ClientKill,
        Self::FlushAll,
        Self::CutBoth,
        Self::CutToRedis,
        Self::CutFromRedis,
        Self::Delay,
        Self::NodeClockAhead,
        Self::NodeClockBehind,
        Self::RedisClockAhead,
        Self::RedisClockBehind,
        Self::FailoverLagging,
        Self::Failover,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::KillNode => "kill-node",
            Self::KillLeader => "kill-leader",
            Self::FreezeLeader => "freeze-leader",
            Self::FreezeFollower => "freeze-follower",
            Self::RestartNodes => "restart-nodes-under-load",
            Self::Starvation => "starvation",
            Self::KillRedis => "kill-redis",
            Self::FreezeRedis => "freeze-redis",
            Self::ClientKill => "client-kill",
            Self::FlushAll => "flushall",
            Self::CutBoth => "cut-both",
            Self::CutToRedis => "cut-to-redis",
            Self::CutFromRedis => "cut-from-redis",
            Self::Delay => "delay",
            Self::NodeClockAhead => "node-clock-ahead",
            Self::NodeClockBehind => "node-clock-behind",
            Self::RedisClockAhead => "redis-clock-ahead",
            Self::RedisClockBehind => "redis-clock-behind",
            Self::FailoverLagging => "failover-lagging",
            Self::Failover => "failover",
        }
    }

    /// Which laws it suspends; this is the one place that says so.
    pub(crate) fn laws(self, short: bool) -> Laws {
        match self {
            // All is gone on purpose, or what the replica had not heard of yet.
            Self::FlushAll | Self::FailoverLagging => Laws { store_forgets: true, ..Laws::default() },
            // At most five seconds are filled in; the short form stands still for four.
            Self::FreezeLeader | Self::FreezeFollower => Laws { seconds_are_passed_over: !short, ..Laws::default() },
            // The leap of five seconds comes on top of the second that is due.
            Self::RedisClockAhead | Self::RedisClockBehind => Laws { seconds_are_passed_over: true, ..Laws::default() },
            Self::KillNode
            | Self::KillLeader
            | Self::RestartNodes
            | Self::Starvation
            | Self::KillRedis
            | Self::FreezeRedis
            | Self::ClientKill
            | Self::CutBoth
            | Self::CutToRedis
            | Self::CutFromRedis
            | Self::Delay
            | Self::NodeClockAhead
            | Self::NodeClockBehind
            | Self::Failover => Laws::default(),
        }
    }

    pub(crate) fn needs(self, clocks: &Clocks) -> Needs {
        match self {
            Self::NodeClockAhead | Self::NodeClockBehind => {
                let settings = vec![("log.level", "debug")];
                Needs { node_environment: clocks.of_node(), settings, ..Needs::default() }
            }
            Self::RedisClockAhead | Self::RedisClockBehind => {
                Needs { server_environment: clocks.of_server(), ..Needs::default() }
            }
            Self::FailoverLagging => Needs { replica: true, ..Needs::default() },
            Self::Failover => Needs { replica: true, settings: vec![("store.replicas_ack", "1")], ..Needs::default() },
            Self::KillNode
            | Self::KillLeader
            | Self::FreezeLeader
            | Self::FreezeFollower
            | Self::RestartNodes
            | Self::Starvation
            | Self::KillRedis
            | Self::FreezeRedis
            | Self::ClientKill
            | Self::FlushAll
            | Self::CutBoth
            | Self::CutToRedis
            | Self::CutFromRedis
            | Self::Delay => Needs::default(),
        }
    }

    /// Lets it happen, and heals what has to be healed.
    ///
    /// # Errors
    /// It did not happen, so that a run proves nothing.
    pub(crate) async fn strike(self, scene: &mut Scene<'_>) -> Result<()> {
        match self {
            Self::KillNode => nodes::kill(scene, false).await,
            Self::KillLeader => nodes::kill(scene, true).await,
            Self::FreezeLeader => nodes::freeze(scene, true).await,
            Self::FreezeFollower => nodes::freeze(scene, false).await,
            Self::RestartNodes => nodes::restart(scene).await,
            Self::Starvation => nodes::starve(scene).await,
            Self::KillRedis => servers::kill(scene).await,
            Self::FreezeRedis => servers::freeze(scene).await,
            Self::ClientKill => servers::kill_clients(scene).await,
            Self::FlushAll => servers::flush(scene).await,
            Self::CutBoth => links::cut(scene, true, true).await,
            Self::CutToRedis => links::cut(scene, true, false).await,
            Self::CutFromRedis => links::cut(scene, false, true).await,
            Self::Delay => links::delay(scene).await,
            Self::NodeClockAhead => time::move_node(scene, 3600).await,
            Self::NodeClockBehind => time::move_node(scene, -3600).await,
            Self::RedisClockAhead => time::move_server(scene, 5000).await,
            Self::RedisClockBehind => time::move_server(scene, -5000).await,
            Self::FailoverLagging => servers::fail_over_behind(scene).await,
            Self::Failover => servers::fail_over(scene).await,
        }
    }
}

impl Scene<'_> {
    /// Chooses a span between two, in ms.
    fn span(&mut self, from_ms: u64, until_ms: u64) -> Duration {
        Duration::from_millis(self.random.u64(from_ms..=until_ms))
    }

    /// Lets time go by while a fault lasts.
    async fn wait(&self, span: Duration) {
        sleep(span).await; // tidy: allow: a fault lasts as long as its seed says
    }

    /// Chooses a node that leads, or one that does not.
    async fn choose(&mut self, leads: bool) -> Result<usize> {
        let leader = self.cluster.leader().await?;
        let others: Vec<usize> = (0..self.cluster.nodes.len()).filter(|&node| node != leader).collect();
        ensure!(!others.is_empty(), "there is one node only");
        Ok(if leads { leader } else { others[self.random.usize(0..others.len())] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<&str> = Fault::ALL.into_iter().map(Fault::name).collect();
        assert_eq!(names.len(), Fault::ALL.len());
    }
}
