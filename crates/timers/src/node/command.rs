//! Requests about a node.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::scope::Scope;

/// One request about a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeCommand {
    /// Begin the lease.
    Begin,
    /// Renew the lease.
    Renew,
    /// Record that the node is about to have members in these scopes.
    Enter(BTreeSet<Scope>),
    /// Record that the node has no members in these scopes any more.
    Exit(BTreeSet<Scope>),
}

impl NodeCommand {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Begin => "node.begin",
            Self::Renew => "node.renew",
            Self::Enter(_) => "node.enter",
            Self::Exit(_) => "node.exit",
        }
    }
}
