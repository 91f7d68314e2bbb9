//! What an import has done, for standard output.

use timers::Scope;

/// What an import has done.
pub(super) struct Summary {
    pub(super) organizations: Vec<OrganizationSummary>,
    pub(super) repairs: usize,
}

/// What an import has done to one organisation.
pub(super) struct OrganizationSummary {
    pub(super) scope: Scope,
    pub(super) types: Count,
    pub(super) entries: Count,
}

/// The rows of a table.
#[derive(Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) read: usize,
    /// Those that were not imported before.
    pub(super) new: usize,
}

impl Summary {
    /// Prints the summary.
    pub(super) fn print(&self) {
        for OrganizationSummary { scope, types, entries } in &self.organizations {
            for (name, count) in [("task types", types), ("time entries", entries)] {
                println!("{scope}: {name}: {} read, {} new, {} known", count.read, count.new, count.read - count.new);
            }
        }
        println!("repaired cells: {}", self.repairs);
    }
}
