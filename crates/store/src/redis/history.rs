//! Reading rows of a scope's history: a part of an index, then the rows.
//!
//! A row that is written between the two reads is returned as it is then, or not at all.

use bytes::Bytes;
use engine::store::{ArchivedRow, Fault, HistoryCursor, Page, Query};
use fred::interfaces::{HashesInterface, SortedSetsInterface};
use fred::types::Value;
use timers::{HistoryId, Scope};

use crate::redis::fault::malformed_reply;
use crate::redis::history_of_term;
use crate::redis::keys::ScopeKeys;
use crate::redis::score::{score, timestamp};
use crate::redis::server::Server;
use crate::redis::shared::Shared;

/// Most rows of one read, during which the server serves nobody else: a page of a thousand, and the row that tells whether there
/// are more.
pub(crate) const ROWS_AT_ONCE: usize = 1001;

/// Reads one page.
pub(crate) async fn read(server: &Server, shared: &Shared, scope: &Scope, query: &Query) -> Result<Page, Fault> {
    let keys = shared.keys.of(scope);
    let wanted = query.limit.saturating_add(1);
    let rows = match &query.term {
        Some(term) => history_of_term::read(server, shared, &keys, query, term, wanted).await?,
        None => read_all(server, shared, &keys, query, wanted).await?,
    };
    Ok(Page::of(rows, query.limit))
}

/// Reads rows whatever their terms.
async fn read_all(
    server: &Server,
    shared: &Shared,
    keys: &ScopeKeys,
    query: &Query,
    wanted: usize,
) -> Result<Vec<ArchivedRow>, Fault> {
    let mut query = query.clone();
    let mut rows = Vec::new();
    while rows.len() < wanted {
        let count = (wanted - rows.len()).min(ROWS_AT_ONCE);
        let (entries, is_last) = read_index(server, shared, keys, &query, count).await?;
        let Some(last) = entries.last().cloned() else { break };
        let values = read_values(server, keys, entries.iter().map(|entry| &entry.id)).await?;
        for (HistoryCursor { at, id }, value) in entries.into_iter().zip(values) {
            if let Some(value) = value {
                rows.push(ArchivedRow::from_value(id, at, value)?);
            }
        }
        if is_last {
            break;
        }
        query.before = Some(last);
    }
    Ok(rows)
}

/// Reads at most `count` entries of the index, and tells whether they are the last ones.
async fn read_index(
    server: &Server,
    shared: &Shared,
    keys: &ScopeKeys,
    query: &Query,
    count: usize,
) -> Result<(Vec<HistoryCursor>, bool), Fault> {
    let (oldest, (newest, below)) = (query.oldest_at(), query.newest_at());
    // The row of the cursor is read again.
    let most = count + usize::from(below.is_some());
    let window = Some((0, i64::try_from(most).unwrap_or(i64::MAX)));
    let read = server.commands()?.zrevrangebyscore(&keys.index, score(newest), score(oldest), true, window).await;
    let read: Vec<(String, f64)> = read.map_err(|error| server.fault(error))?;
    let mut is_last = read.len() < most;
    let mut entries = decode(read)?;
    if let Some(below) = below {
        entries.retain(|entry| entry.at < newest || entry.id < *below);
        if entries.is_empty() && !is_last {
            let args = [oldest.to_string(), newest.to_string(), below.to_string(), count.to_string()];
            let keys = vec![keys.index.clone()];
            let read = shared.history_ties.run(&server.commands()?, keys, args.map(Value::from).to_vec()).await;
            let read = read.map_err(|error| server.fault(error))?;
            entries = decode(read.convert().map_err(|_| malformed())?)?;
            is_last = entries.len() < count;
        }
    }
    is_last &= entries.len() <= count;
    entries.truncate(count);
    Ok((entries, is_last))
}

/// Reads the values of rows; `None` for rows that are missing.
pub(crate) async fn read_values(
    server: &Server,
    keys: &ScopeKeys,
    ids: impl Iterator<Item = &HistoryId>,
) -> Result<Vec<Option<Bytes>>, Fault> {
    let ids: Vec<&str> = ids.map(HistoryId::as_str).collect();
    server.commands()?.hmget(&keys.rows, ids).await.map_err(|error| server.fault(error))
}

fn decode(entries: Vec<(String, f64)>) -> Result<Vec<HistoryCursor>, Fault> {
    let entry = |(id, at): (String, f64)| {
        let id = HistoryId::new(&id).map_err(|_| malformed())?;
        Ok(HistoryCursor { at: timestamp(at), id })
    };
    entries.into_iter().map(entry).collect()
}

fn malformed() -> Fault {
    malformed_reply("a query of a history")
}
