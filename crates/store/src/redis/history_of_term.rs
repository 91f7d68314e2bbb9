//! Reading the rows of a scope's history that have a term.
//!
//! The index of terms is one sorted set for each scope, with one score, so that Redis orders it by the bytes of its entries:
//! the term, a zero byte, the instant in 8 bytes, and the row's id. An entry is in the index if and only if the row's value has
//! the term and the instant, unless a version that does not know terms has replaced the row.

use bytes::{BufMut, Bytes, BytesMut};
use engine::store::{ArchivedRow, Fault, HistoryCursor, Query};
use fred::interfaces::ClientLike;
use fred::types::{ClusterHash, CustomCommand, Value};
use timers::{HistoryId, IndexTerm, Timestamp};

use crate::redis::fault::malformed_reply;
use crate::redis::history::{ROWS_AT_ONCE, read_values};
use crate::redis::keys::ScopeKeys;
use crate::redis::server::Server;
use crate::redis::shared::Shared;

/// Bytes of an instant in an entry.
const INSTANT: usize = 8;

/// Reads rows.
pub(crate) async fn read(
    server: &Server,
    shared: &Shared,
    keys: &ScopeKeys,
    query: &Query,
    term: &IndexTerm,
    wanted: usize,
) -> Result<Vec<ArchivedRow>, Fault> {
    let oldest = bound(b'[', &entry(term, query.oldest_at(), b""));
    let mut upper = upper_bound(term, query);
    let mut rows = Vec::new();
    while rows.len() < wanted {
        let count = (wanted - rows.len()).min(ROWS_AT_ONCE);
        let entries = read_index(server, keys, [upper, oldest.clone()], count).await?;
        let Some(last) = entries.last() else { break };
        let is_last = entries.len() < count;
        upper = bound(b'(', last);
        let places = entries.iter().map(|entry| split(term, entry).ok_or_else(malformed));
        let places = places.collect::<Result<Vec<HistoryCursor>, Fault>>()?;
        let values = read_values(server, keys, places.iter().map(|place| &place.id)).await?;
        let mut stale = Vec::new();
        for ((entry, HistoryCursor { at, id }), value) in entries.into_iter().zip(places).zip(values) {
            match value {
                Some(value) if ArchivedRow::is_indexed(&value, at, term) => {
                    rows.push(ArchivedRow::from_value(id, at, value)?);
                }
                Some(_) | None => stale.push(entry),
            }
        }
        if !stale.is_empty() {
            remove_stale(server, shared, keys, term, stale).await;
        }
        if is_last {
            break;
        }
    }
    Ok(rows)
}

/// Reads at most `count` entries between two bounds, newest first.
async fn read_index(
    server: &Server,
    keys: &ScopeKeys,
    [upper, lower]: [Bytes; 2],
    count: usize,
) -> Result<Vec<Bytes>, Fault> {
    let command = CustomCommand::new_static("ZREVRANGEBYLEX", ClusterHash::FirstKey, false);
    let window = ["LIMIT".to_owned(), "0".to_owned(), count.to_string()].map(Value::from);
    let args = [Value::from(&keys.terms), Value::Bytes(upper), Value::Bytes(lower)].into_iter().chain(window);
    let entries = server.commands()?.custom(command, args.collect::<Vec<_>>()).await;
    entries.map_err(|error| server.fault(error))
}

/// Removes entries that do not belong to their rows any more. Those of a row that was moved meanwhile are gone already.
async fn remove_stale(server: &Server, shared: &Shared, keys: &ScopeKeys, term: &IndexTerm, stale: Vec<Bytes>) {
    let Ok(commands) = server.commands() else { return };
    let names = vec![keys.rows.clone(), keys.terms.clone()];
    let args = std::iter::once(Value::from(term.as_str())).chain(stale.into_iter().map(Value::Bytes));
    // The next query tries again.
    if let Err(error) = shared.remove_stale_terms.run(&commands, names, args.collect()).await {
        tracing::debug!(%error, "stale entries of an index of terms can't be removed");
    }
}

fn upper_bound(term: &IndexTerm, query: &Query) -> Bytes {
    let (newest, below) = query.newest_at();
    match (below, newest.0.checked_add(1)) {
        (Some(below), _) => bound(b'(', &entry(term, newest, below.as_str().as_bytes())),
        (None, Some(after)) => bound(b'(', &entry(term, Timestamp(after), b"")),
        // No character of an id has this byte.
        (None, None) => bound(b'(', &entry(term, newest, b"\xff")),
    }
}

/// Returns a bound of a range: `[` includes the entry, and `(` does not.
fn bound(mark: u8, entry: &[u8]) -> Bytes {
    [&[mark], entry].concat().into()
}

pub(crate) fn entry(term: &IndexTerm, at: Timestamp, id: &[u8]) -> Bytes {
    let mut entry = BytesMut::new();
    entry.put_slice(term.as_str().as_bytes());
    entry.put_u8(0);
    entry.put_u64(at.0);
    entry.put_slice(id);
    entry.freeze()
}

fn split(term: &IndexTerm, entry: &[u8]) -> Option<HistoryCursor> {
    let rest = entry.strip_prefix(term.as_str().as_bytes())?.strip_prefix(&[0])?;
    let (at, id) = rest.split_first_chunk::<INSTANT>()?;
    let id = HistoryId::new(std::str::from_utf8(id).ok()?).ok()?;
    Some(HistoryCursor { at: Timestamp(u64::from_be_bytes(*at)), id })
}

fn malformed() -> Fault {
    malformed_reply("a query of a history by a term")
}
