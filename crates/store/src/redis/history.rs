//! Reading rows of a scope's history.

use bytes::{BufMut, Bytes, BytesMut};
use engine::store::{ArchivedRow, Fault, Page, Query};
use fred::types::Value;
use timers::{HistoryId, IndexTerm, Scope, Timestamp};

use crate::redis::fault::malformed_reply;
use crate::redis::keys::ScopeKeys;
use crate::redis::score::timestamp;
use crate::redis::script::Script;
use crate::redis::server::Server;
use crate::redis::shared::Shared;

/// Most rows that one call of a script reads, during which the server serves nobody else: a page of a thousand, and the row
/// that tells whether there are more.
const ROWS_AT_ONCE: usize = 1001;

/// Bytes of an instant in an entry of the index of terms.
const INSTANT: usize = 8;

/// Reads one page.
pub(crate) async fn read(server: &Server, shared: &Shared, scope: &Scope, query: &Query) -> Result<Page, Fault> {
    let keys = shared.keys.of(scope);
    let wanted = query.limit.saturating_add(1);
    let rows = match &query.term {
        Some(term) => read_term(server, &shared.history_of_term, &keys, query, term, wanted).await?,
        None => read_all(server, &shared.history, &keys, query, wanted).await?,
    };
    Ok(Page::of(rows, query.limit))
}

/// Reads rows whatever their terms.
async fn read_all(
    server: &Server,
    script: &Script,
    keys: &ScopeKeys,
    query: &Query,
    wanted: usize,
) -> Result<Vec<ArchivedRow>, Fault> {
    let keys = vec![keys.rows.clone(), keys.index.clone()];
    let (newest, below) = query.newest_at();
    let (mut newest, mut below) = (newest.to_string(), below.map(HistoryId::to_string).unwrap_or_default());
    let mut rows = Vec::new();
    loop {
        let count = (wanted - rows.len()).min(ROWS_AT_ONCE);
        let args = [query.oldest_at().to_string(), newest, below, count.to_string()];
        let reply = run(server, script, &keys, args.map(Value::from).to_vec()).await?;
        let (entries, _) = reply.as_chunks::<3>();
        for [id, at, value] in entries {
            let [id, at] = [id, at].map(|part| part.as_deref().and_then(|part| std::str::from_utf8(part).ok()));
            let (id, at) = id.and_then(|id| HistoryId::new(id).ok()).zip(at).ok_or_else(malformed)?;
            let at = timestamp(at.parse().map_err(|_| malformed())?);
            if let Some(value) = value {
                rows.push(ArchivedRow::from_value(id, at, value.clone())?);
            }
        }
        let last = entries.last().filter(|_| entries.len() == count && rows.len() < wanted);
        let Some([Some(id), Some(at), _]) = last else { return Ok(rows) };
        [below, newest] = [id, at].map(|part| String::from_utf8_lossy(part).into_owned());
    }
}

/// Reads rows that have a term.
async fn read_term(
    server: &Server,
    script: &Script,
    keys: &ScopeKeys,
    query: &Query,
    term: &IndexTerm,
    wanted: usize,
) -> Result<Vec<ArchivedRow>, Fault> {
    let keys = vec![keys.rows.clone(), keys.terms.clone()];
    let (newest, below) = query.newest_at();
    let oldest = entry(b"[", term, query.oldest_at(), b"");
    let mut upper = match (below, newest.0.checked_add(1)) {
        (Some(below), _) => entry(b"(", term, newest, below.as_str().as_bytes()),
        (None, Some(after)) => entry(b"(", term, Timestamp(after), b""),
        // No character of an id has this byte.
        (None, None) => entry(b"(", term, newest, b"\xff"),
    };
    let mut rows = Vec::new();
    loop {
        let count = (wanted - rows.len()).min(ROWS_AT_ONCE);
        let args = vec![
            Value::from(term.as_str()),
            Value::Bytes(upper),
            Value::Bytes(oldest.clone()),
            Value::from(count.to_string()),
        ];
        let reply = run(server, script, &keys, args).await?;
        let Some((Some(last), entries)) = reply.split_first() else { return Err(malformed()) };
        let (entries, _) = entries.as_chunks::<2>();
        for [entry, value] in entries {
            let (entry, value) = entry.as_deref().zip(value.as_ref()).ok_or_else(malformed)?;
            let (at, id) = split(term, entry).ok_or_else(malformed)?;
            rows.push(ArchivedRow::from_value(id, at, value.clone())?);
        }
        if last.is_empty() || rows.len() >= wanted {
            return Ok(rows);
        }
        upper = [b"(", &last[..]].concat().into();
    }
}

async fn run(server: &Server, script: &Script, keys: &[String], args: Vec<Value>) -> Result<Vec<Option<Bytes>>, Fault> {
    let reply = script.run(&server.commands()?, keys.to_vec(), args).await.map_err(|error| server.fault(error))?;
    reply.convert().map_err(|_| malformed())
}

/// Returns an entry of the index of terms, after the mark of a bound.
fn entry(mark: &[u8], term: &IndexTerm, at: Timestamp, id: &[u8]) -> Bytes {
    let mut entry = BytesMut::new();
    entry.put_slice(mark);
    entry.put_slice(term.as_str().as_bytes());
    entry.put_u8(0);
    entry.put_u64(at.0);
    entry.put_slice(id);
    entry.freeze()
}

/// Returns the instant and the row's id of an entry.
fn split(term: &IndexTerm, entry: &[u8]) -> Option<(Timestamp, HistoryId)> {
    let rest = entry.strip_prefix(term.as_str().as_bytes())?.strip_prefix(&[0])?;
    let (at, id) = rest.split_first_chunk::<INSTANT>()?;
    let id = HistoryId::new(std::str::from_utf8(id).ok()?).ok()?;
    Some((Timestamp(u64::from_be_bytes(*at)), id))
}

fn malformed() -> Fault {
    malformed_reply("a query of a history")
}
