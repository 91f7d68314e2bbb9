//! The scenarios: what an operator or an accident does to a release under load.

use anyhow::Result;

use super::scenarios::{failures, rollouts, scaling, secrets, stores};
use super::stage::Stage;

/// A scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    RollingUpgrade,
    Rollback,
    ConfigChange,
    BrokenConfig,
    DrainMachines,
    Scale,
    Autoscale,
    OomKill,
    RestartRedis,
    CutOffByPolicy,
    RotateSecrets,
    UnfitRedis,
    SharedRedis,
    LoseMachine,
}

impl Scenario {
    /// All scenarios, in order of execution. The last one takes a machine away from the cluster.
    pub(crate) const ALL: [Self; 14] = [
        Self::RollingUpgrade,
        Self::Rollback,
        Self::ConfigChange,
        Self::BrokenConfig,
        Self::DrainMachines,
        Self::Scale,
        Self::Autoscale,
        Self::OomKill,
        Self::RestartRedis,
        Self::CutOffByPolicy,
        Self::RotateSecrets,
        Self::UnfitRedis,
        Self::SharedRedis,
        Self::LoseMachine,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RollingUpgrade => "rolling-upgrade",
            Self::Rollback => "rollback",
            Self::ConfigChange => "config-change",
            Self::BrokenConfig => "broken-config",
            Self::DrainMachines => "drain-machines",
            Self::Scale => "scale",
            Self::Autoscale => "autoscale",
            Self::OomKill => "oom-kill",
            Self::RestartRedis => "restart-redis",
            Self::CutOffByPolicy => "cut-off-by-policy",
            Self::RotateSecrets => "rotate-secrets",
            Self::UnfitRedis => "unfit-redis",
            Self::SharedRedis => "shared-redis",
            Self::LoseMachine => "lose-machine",
        }
    }

    /// Carries out the scenario, and waits until the release has settled.
    ///
    /// # Errors
    /// The scenario did not take place, or the release does not settle.
    pub(crate) async fn carry_out(self, stage: &mut Stage) -> Result<()> {
        match self {
            Self::RollingUpgrade => rollouts::rolling_upgrade(stage).await,
            Self::Rollback => rollouts::rollback(stage).await,
            Self::ConfigChange => rollouts::config_change(stage).await,
            Self::BrokenConfig => rollouts::broken_config(stage).await,
            Self::DrainMachines => failures::drain_machines(stage).await,
            Self::Scale => scaling::scale(stage).await,
            Self::Autoscale => scaling::autoscale(stage).await,
            Self::OomKill => failures::oom_kill(stage).await,
            Self::RestartRedis => failures::restart_redis(stage).await,
            Self::CutOffByPolicy => failures::cut_off(stage).await,
            Self::RotateSecrets => secrets::rotate(stage).await,
            Self::UnfitRedis => stores::unfit(stage).await,
            Self::SharedRedis => stores::shared(stage).await,
            Self::LoseMachine => failures::lose_machine(stage).await,
        }
    }

    /// Returns the names of all scenarios.
    pub(crate) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_has_a_unique_name() {
        let names: std::collections::BTreeSet<&str> = Scenario::ALL.into_iter().map(Scenario::name).collect();
        assert_eq!(names.len(), Scenario::ALL.len());
    }
}
