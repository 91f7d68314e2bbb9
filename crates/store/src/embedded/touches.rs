//! When scopes were last in use. The instants wait in memory and are written together, since losing the last of them is
//! harmless and each write costs a sync.

use std::collections::BTreeMap;

use engine::store::Fault;
use parking_lot::Mutex;
use redb::{ReadTransaction, WriteTransaction};
use timers::{Scope, Timestamp};

use crate::embedded::read::fault;
use crate::embedded::tables::TOUCHES;

/// The instants that are not written yet.
#[derive(Default)]
pub(crate) struct Touches(Mutex<BTreeMap<Scope, Timestamp>>);

impl Touches {
    pub(crate) fn record(&self, scope: &Scope, at: Timestamp) {
        self.0.lock().insert(scope.clone(), at);
    }

    /// Returns the last instant of a scope.
    pub(crate) fn of(&self, scope: &Scope, snapshot: &ReadTransaction) -> Result<Option<Timestamp>, Fault> {
        if let Some(at) = self.0.lock().get(scope) {
            return Ok(Some(*at));
        }
        let table = snapshot.open_table(TOUCHES).map_err(fault)?;
        let stored = table.get(scope.to_string().as_str()).map_err(fault)?;
        Ok(stored.map(|at| Timestamp(at.value())))
    }

    /// Writes the instants that wait, and returns them. Those of a transaction that fails are written with the next.
    pub(crate) fn write(&self, transaction: &WriteTransaction) -> Result<BTreeMap<Scope, Timestamp>, redb::Error> {
        let waiting = self.0.lock().clone();
        let mut table = transaction.open_table(TOUCHES)?;
        for (scope, at) in &waiting {
            table.insert(scope.to_string().as_str(), at.0)?;
        }
        Ok(waiting)
    }

    /// Forgets instants that were written, unless they have moved since.
    pub(crate) fn forget(&self, written: &BTreeMap<Scope, Timestamp>) {
        self.0.lock().retain(|scope, at| written.get(scope) != Some(at));
    }
}
