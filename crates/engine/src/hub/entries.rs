//! The scopes of a node: by name, and as a snapshot for the tasks that visit all of them.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use timers::Scope;

use crate::hub::scope_state::ScopeState;

/// The scopes of a node.
#[derive(Default)]
pub(crate) struct Entries {
    by_scope: BTreeMap<Scope, Arc<ScopeState>>,
    /// A list of all entries. It is made when it is asked for after a change: beats are more frequent than joins.
    entries_snapshot: Option<Arc<[Arc<ScopeState>]>>,
}

impl Entries {
    /// Returns a list of all entries.
    pub(crate) fn entries_snapshot(&mut self) -> Arc<[Arc<ScopeState>]> {
        Arc::clone(self.entries_snapshot.get_or_insert_with(|| self.by_scope.values().cloned().collect()))
    }

    /// Returns the map for a change.
    pub(crate) fn change(&mut self) -> &mut BTreeMap<Scope, Arc<ScopeState>> {
        self.entries_snapshot = None;
        &mut self.by_scope
    }
}

impl Deref for Entries {
    type Target = BTreeMap<Scope, Arc<ScopeState>>;

    fn deref(&self) -> &Self::Target {
        &self.by_scope
    }
}
