//! The name of the Tickcast cluster that a database and a prefix belong to. Its first named node records the name,
//! so that the nodes of another cluster that is given the same database and prefix by mistake do not use them.

use engine::store::{Fault, FaultKind};
use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::HashesInterface;
use parking_lot::Mutex;

/// The field of the hash that holds the name.
const NAME: &str = "name";

/// The name that is configured for a node's cluster, and what the store says.
pub(crate) struct ClusterName {
    configured: Option<String>,
    verdict: Mutex<Verdict>,
}

/// Whether a store belongs to a node's cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// The store has not been asked yet.
    Unknown,
    /// The store may be used.
    Own,
    /// The store may be used: this node has used it since before it got its name.
    Renamed(String),
    /// The store belongs to another cluster.
    Foreign(String),
}

impl ClusterName {
    pub(crate) fn new(configured: Option<String>) -> Self {
        Self { configured, verdict: Mutex::new(Verdict::Unknown) }
    }

    /// Fails unless the store is known to belong to this cluster.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let reason = match &*self.verdict.lock() {
            Verdict::Own | Verdict::Renamed(_) => return Ok(()),
            Verdict::Unknown => "it is not known yet which cluster the store belongs to".to_owned(),
            Verdict::Foreign(name) => foreign(name, self.configured.as_deref()),
        };
        Err(Fault::new(FaultKind::Unavailable, reason))
    }

    /// Returns the reason if the store is known to belong to another cluster.
    pub(crate) fn refusal(&self) -> Option<String> {
        match &*self.verdict.lock() {
            Verdict::Foreign(name) => Some(foreign(name, self.configured.as_deref())),
            Verdict::Unknown | Verdict::Own | Verdict::Renamed(_) => None,
        }
    }

    /// Records the name in the store if it has none, and compares. One or two round trips.
    pub(crate) async fn verify(&self, commands: &Client, key: &str) -> Result<(), Error> {
        if let Some(name) = &self.configured {
            commands.hsetnx::<(), _, _, _>(key, NAME, name).await?;
        }
        let stored: Option<String> = commands.hget(key, NAME).await?;
        let before = self.verdict.lock().clone();
        let verdict = judge(self.configured.as_deref(), stored, &before);
        if let Verdict::Renamed(name) = &verdict
            && before != verdict
        {
            tracing::error!(
                %name,
                "the store was given a cluster name, and this node has none: after a restart it will not use the store \
                 (store.cluster_name)"
            );
        }
        *self.verdict.lock() = verdict;
        Ok(())
    }
}

fn judge(configured: Option<&str>, stored: Option<String>, before: &Verdict) -> Verdict {
    match (configured, stored) {
        (_, None) => Verdict::Own,
        (Some(configured), Some(stored)) if configured == stored => Verdict::Own,
        // The setting is being introduced: nodes that still run without it stay in service.
        (None, Some(stored)) if matches!(before, Verdict::Own | Verdict::Renamed(_)) => Verdict::Renamed(stored),
        (_, Some(stored)) => Verdict::Foreign(stored),
    }
}

fn foreign(name: &str, configured: Option<&str>) -> String {
    let own = configured.map_or("this node has no store.cluster_name".to_owned(), |own| {
        format!("this node belongs to {own:?} (store.cluster_name)")
    });
    format!("the database and prefix belong to the cluster {name:?}, and {own}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_used_by_the_nodes_of_its_cluster_only() {
        use Verdict::*;
        let other = || "other".to_owned();
        for (configured, stored, before, expected) in [
            (None, None, Unknown, Own),
            (Some("one"), Some("one".to_owned()), Unknown, Own),
            (Some("one"), Some("one".to_owned()), Foreign(other()), Own),
            (Some("one"), Some(other()), Unknown, Foreign(other())),
            (Some("one"), Some(other()), Own, Foreign(other())),
            (None, Some(other()), Unknown, Foreign(other())),
            (None, Some(other()), Own, Renamed(other())),
            (None, Some(other()), Renamed("one".to_owned()), Renamed(other())),
            (None, None, Renamed(other()), Own),
        ] {
            assert_eq!(judge(configured, stored.clone(), &before), expected, "{configured:?} {stored:?} {before:?}");
        }
    }
}
