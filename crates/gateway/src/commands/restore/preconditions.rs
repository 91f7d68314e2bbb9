//! Whether a store may be restored into.

use engine::store::{ExportPart, Fault};

use crate::commands::Failure;
use crate::commands::backup::is_of_nodes;
use crate::commands::store_connection::{StoreConnection, retried};

/// Tells whether the store is empty, but for what nodes have left; refuses a store that is in use or has other data.
pub(super) async fn check(connection: &StoreConnection, backup: u64, into_existing: bool) -> Result<bool, Failure> {
    if let Some(leader) = &connection.leader {
        return Err(Failure::unavailable(format!(
            "the node {leader} runs on this store: stop all nodes first, and start them again after this command"
        )));
    }
    let failed =
        |fault: Fault| Failure::unavailable(format!("the store cannot be read: {fault}; nothing was restored"));
    let transfer = connection.transfer()?;
    match retried(async || transfer.unfinished_restore().await).await.map_err(failed)? {
        Some(unfinished) if unfinished == backup => {
            eprintln!("a restore of this backup was interrupted; it is repeated");
            return Ok(false);
        }
        Some(_) if !into_existing => {
            return Err(Failure::data(
                vec!["a restore of another backup into this store was interrupted".to_owned()],
                "nothing was restored; repeat that one, empty the store, or use --into-existing",
            ));
        }
        Some(_) | None => {}
    }
    let mut export = retried(async || transfer.export().await).await.map_err(failed)?;
    while let Some(part) = retried(async || export.next().await).await.map_err(failed)? {
        let name = match part {
            ExportPart::Scope(stored) if is_of_nodes(&stored.scope) => continue,
            ExportPart::Scope(stored) => stored.scope.to_string(),
            ExportPart::Rows(_) => continue,
            ExportPart::Damaged(name, _) => name,
        };
        if into_existing {
            return Ok(false);
        }
        return Err(Failure::data(
            vec![format!("the store is not empty: it has {name}, for example")],
            "nothing was restored; with --into-existing, scopes of the backup replace those of the store",
        ));
    }
    Ok(true)
}
