//! The faults: requirements, suspended invariants and actions.

use std::time::Duration;

use anyhow::{Result, ensure};
use fastrand::Rng;
use tokio::time::sleep;

use crate::clocks::Clocks;
use crate::cluster::{Cluster, Needs};
use crate::oracle::SuspendedInvariants;

mod links;
mod nodes;
mod servers;
mod time;

/// A fault.
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
    PacketLoss,
    Delay,
    NodeClockAhead,
    NodeClockBehind,
    RedisClockAhead,
    RedisClockBehind,
    FailoverLagging,
    Failover,
    SentinelFailover,
}

/// The context of a fault.
pub(crate) struct FaultContext<'s> {
    pub(crate) cluster: &'s mut Cluster,
    pub(crate) clocks: &'s Clocks,
    pub(crate) random: &'s mut Rng,
    pub(crate) short: bool,
}

impl Fault {
    /// All faults, in order of execution.
    pub(crate) const ALL: [Self; 22] = [
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
        Self::PacketLoss,
        Self::Delay,
        Self::NodeClockAhead,
        Self::NodeClockBehind,
        Self::RedisClockAhead,
        Self::RedisClockBehind,
        Self::FailoverLagging,
        Self::Failover,
        Self::SentinelFailover,
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
            Self::PacketLoss => "packet-loss",
            Self::Delay => "delay",
            Self::NodeClockAhead => "node-clock-ahead",
            Self::NodeClockBehind => "node-clock-behind",
            Self::RedisClockAhead => "redis-clock-ahead",
            Self::RedisClockBehind => "redis-clock-behind",
            Self::FailoverLagging => "failover-lagging",
            Self::Failover => "failover",
            Self::SentinelFailover => "sentinel-failover",
        }
    }

    /// Returns the invariants that the fault suspends.
    pub(crate) fn suspended(self, short: bool) -> SuspendedInvariants {
        match self {
            // All data is deleted on purpose.
            Self::FlushAll => SuspendedInvariants { durability: true, ..SuspendedInvariants::default() },
            // The data that the replica does not have yet is lost. A lost leave restores its member, which stays until
            // its node ends: the node has ended the membership already.
            Self::FailoverLagging | Self::SentinelFailover => {
                SuspendedInvariants { durability: true, restored_members: true, ..SuspendedInvariants::default() }
            }
            // At most five seconds are filled in; the short form stops the node for four.
            Self::FreezeLeader | Self::FreezeFollower => {
                SuspendedInvariants { missing_ticks: !short, ..SuspendedInvariants::default() }
            }
            // The jump of five seconds is in addition to the current second. Cluster time follows the clock of Redis, so
            // that the clock of the suite does not tell when a countdown ends or a membership expires.
            Self::RedisClockAhead | Self::RedisClockBehind => {
                SuspendedInvariants { missing_ticks: true, cluster_time: true, ..SuspendedInvariants::default() }
            }
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
            | Self::PacketLoss
            | Self::Delay
            | Self::NodeClockAhead
            | Self::NodeClockBehind
            | Self::Failover => SuspendedInvariants::default(),
        }
    }

    /// Tells whether library clients take part, whose displays must show each second: nodes end only with an announcement.
    pub(crate) fn has_library_clients(self) -> bool {
        self == Self::RestartNodes
    }

    pub(crate) fn needs(self, clocks: &Clocks) -> Needs {
        match self {
            Self::NodeClockAhead | Self::NodeClockBehind => {
                let settings = vec![("log.level", "debug")];
                Needs { node_environment: clocks.node_environment(), settings, ..Needs::default() }
            }
            Self::RedisClockAhead | Self::RedisClockBehind => {
                Needs { server_environment: clocks.server_environment(), ..Needs::default() }
            }
            // Half of it passes between the announcement of a close and the close, in which a library client makes its next
            // connection: two dials, because the first may lead to the node that stops.
            Self::RestartNodes => Needs { settings: vec![("drain.grace", "4s")], ..Needs::default() },
            Self::FailoverLagging => Needs { replica: true, ..Needs::default() },
            Self::SentinelFailover => Needs { sentinels: true, ..Needs::default() },
            Self::Failover => Needs { replica: true, settings: vec![("store.replicas_ack", "1")], ..Needs::default() },
            Self::KillNode
            | Self::KillLeader
            | Self::FreezeLeader
            | Self::FreezeFollower
            | Self::Starvation
            | Self::KillRedis
            | Self::FreezeRedis
            | Self::ClientKill
            | Self::FlushAll
            | Self::CutBoth
            | Self::CutToRedis
            | Self::CutFromRedis
            | Self::PacketLoss
            | Self::Delay => Needs::default(),
        }
    }

    /// Injects the fault and heals it.
    ///
    /// # Errors
    /// The fault was not injected, so the run proves nothing.
    pub(crate) async fn inject(self, context: &mut FaultContext<'_>) -> Result<()> {
        match self {
            Self::KillNode => nodes::kill(context, false).await,
            Self::KillLeader => nodes::kill(context, true).await,
            Self::FreezeLeader => nodes::freeze(context, true).await,
            Self::FreezeFollower => nodes::freeze(context, false).await,
            Self::RestartNodes => nodes::restart(context).await,
            Self::Starvation => nodes::starve(context).await,
            Self::KillRedis => servers::kill(context).await,
            Self::FreezeRedis => servers::freeze(context).await,
            Self::ClientKill => servers::kill_clients(context).await,
            Self::FlushAll => servers::flush(context).await,
            Self::CutBoth => links::cut(context, true, true).await,
            Self::CutToRedis => links::cut(context, true, false).await,
            Self::CutFromRedis => links::cut(context, false, true).await,
            Self::PacketLoss => links::lose_packets(context).await,
            Self::Delay => links::delay(context).await,
            Self::NodeClockAhead => time::move_node(context, 3600).await,
            Self::NodeClockBehind => time::move_node(context, -3600).await,
            Self::RedisClockAhead => time::move_server(context, 5000).await,
            Self::RedisClockBehind => time::move_server(context, -5000).await,
            Self::FailoverLagging => servers::fail_over_to_lagging_replica(context).await,
            Self::Failover => servers::fail_over(context).await,
            Self::SentinelFailover => servers::fail_over_by_sentinels(context).await,
        }
    }
}

impl FaultContext<'_> {
    /// Chooses a duration between two limits, in ms.
    fn span(&mut self, from_ms: u64, until_ms: u64) -> Duration {
        Duration::from_millis(self.random.u64(from_ms..=until_ms))
    }

    /// Waits while a fault lasts.
    async fn wait(&self, span: Duration) {
        sleep(span).await; // tidy: allow: the seed determines how long a fault lasts
    }

    /// Chooses the leader, or another node.
    async fn choose(&mut self, leads: bool) -> Result<usize> {
        let leader = self.cluster.leader().await?;
        let others: Vec<usize> = (0..self.cluster.nodes.len()).filter(|&node| node != leader).collect();
        ensure!(!others.is_empty(), "there is only one node");
        Ok(if leads { leader } else { others[self.random.usize(0..others.len())] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_unique_name() {
        let names: std::collections::BTreeSet<&str> = Fault::ALL.into_iter().map(Fault::name).collect();
        assert_eq!(names.len(), Fault::ALL.len());
    }
}
