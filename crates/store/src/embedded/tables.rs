//! What is in the file. Names and shapes are the storage format: changing one is a migration.

use redb::{TableDefinition, WriteTransaction};

/// Scope → the board without its items.
pub(crate) const HEADS: TableDefinition<&str, &[u8]> = TableDefinition::new("heads");

/// Scope and item key → the item.
pub(crate) const ITEMS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("items");

/// Scope and row id → when it stands, and the row.
pub(crate) const ROWS: TableDefinition<(&str, &str), (u64, &[u8])> = TableDefinition::new("history");

/// Scope, instant and row id, in the order of the history.
pub(crate) const ROW_INDEX: TableDefinition<(&str, u64, &str), ()> = TableDefinition::new("history_index");

/// Deadline and scope.
pub(crate) const DUE: TableDefinition<(u64, &str), ()> = TableDefinition::new("due");

/// Makes all tables, so that a reader never meets a missing one.
pub(crate) fn create(transaction: &WriteTransaction) -> Result<(), redb::TableError> {
    transaction.open_table(HEADS)?;
    transaction.open_table(ITEMS)?;
    transaction.open_table(ROWS)?;
    transaction.open_table(ROW_INDEX)?;
    transaction.open_table(DUE)?;
    Ok(())
}
