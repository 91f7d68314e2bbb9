//! The scopes of a node, by name, and as a roster for those who go through all.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use timers::Scope;

use crate::hub::entry::Entry;

/// The scopes of a node.
#[derive(Default)]
pub(crate) struct Entries {
    by_scope: BTreeMap<Scope, Arc<Entry>>,
    /// All of them; made when it is asked for and they have changed, as beats come more often than joins.
    roster: Option<Arc<[Arc<Entry>]>>,
}

impl Entries {
    /// Returns all entries.
    pub(crate) fn roster(&mut self) -> Arc<[Arc<Entry>]> {
        Arc::clone(self.roster.get_or_insert_with(|| self.by_scope.values().cloned().collect()))
    }

    /// Gives the map to be changed.
    pub(crate) fn change(&mut self) -> &mut BTreeMap<Scope, Arc<Entry>> {
        self.roster = None;
        &mut self.by_scope
    }
}

impl Deref for Entries {
    type Target = BTreeMap<Scope, Arc<Entry>>;

    fn deref(&self) -> &Self::Target {
        &self.by_scope
    }
}
