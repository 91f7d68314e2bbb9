//! The tables of the file. Names and types are part of the storage format: a change needs a migration.

use redb::{TableDefinition, WriteTransaction};

/// Scope → the board without its items.
pub(crate) const HEADS: TableDefinition<&str, &[u8]> = TableDefinition::new("heads");

/// Scope and item key → the item.
pub(crate) const ITEMS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("items");

/// Scope and row id → the row's instant and value; see [`engine::store::ArchivedRow::value`].
pub(crate) const ROWS: TableDefinition<(&str, &str), (u64, &[u8])> = TableDefinition::new("history");

/// Scope, instant and row id, in the order of the history.
pub(crate) const ROW_INDEX: TableDefinition<(&str, u64, &str), ()> = TableDefinition::new("history_index");

/// Scope, term, instant and row id, in the order of the history of the term.
pub(crate) const ROW_TERMS: TableDefinition<(&str, &str, u64, &str), ()> = TableDefinition::new("history_terms");

/// Deadline and scope.
pub(crate) const DUE: TableDefinition<(u64, &str), ()> = TableDefinition::new("due");

/// Scope → the rows and bytes of its history. A history without an entry was written before sizes were stored.
pub(crate) const HISTORY_SIZES: TableDefinition<&str, (u64, u64)> = TableDefinition::new("history_sizes");

/// Scope → the instant at which it ends.
pub(crate) const ENDS: TableDefinition<&str, u64> = TableDefinition::new("ends");

/// The same, in the order of the instants.
pub(crate) const END_INDEX: TableDefinition<(u64, &str), ()> = TableDefinition::new("end_index");

/// Scope → when it was last in use.
pub(crate) const TOUCHES: TableDefinition<&str, u64> = TableDefinition::new("touches");

/// The last recorded time of the store, how far it is ahead of the machine's clock, and whether the store was closed then.
pub(crate) const CLOCK: TableDefinition<&str, u64> = TableDefinition::new("clock");

/// The key of the recorded time in [`CLOCK`].
pub(crate) const TIME: &str = "time";

/// The key of what is absorbed in [`CLOCK`].
pub(crate) const ABSORBED: &str = "absorbed";

/// The key that tells in [`CLOCK`] whether the store was closed: 1 or 0.
pub(crate) const CLOSED: &str = "closed";

/// The key in [`CLOCK`] of the backup whose restore has begun and not ended.
pub(crate) const UNFINISHED_RESTORE: &str = "unfinished_restore";

/// Empty, but for the write that shows whether the disk works again.
pub(crate) const PROBE: TableDefinition<u64, &[u8]> = TableDefinition::new("probe");

/// Creates all tables, so that no reader finds one missing.
pub(crate) fn create(transaction: &WriteTransaction) -> Result<(), redb::TableError> {
    transaction.open_table(HEADS)?;
    transaction.open_table(ITEMS)?;
    transaction.open_table(ROWS)?;
    transaction.open_table(ROW_INDEX)?;
    transaction.open_table(ROW_TERMS)?;
    transaction.open_table(DUE)?;
    transaction.open_table(HISTORY_SIZES)?;
    transaction.open_table(ENDS)?;
    transaction.open_table(END_INDEX)?;
    transaction.open_table(TOUCHES)?;
    transaction.open_table(CLOCK)?;
    transaction.open_table(PROBE)?;
    Ok(())
}
