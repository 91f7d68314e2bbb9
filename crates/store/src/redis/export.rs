//! The export of all scopes of all servers: their names first, then each scope in one state.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use engine::store::{
    ArchivedRow, EXPORT_BYTES, EXPORT_ROWS_MAX, Export, ExportPart, Fault, FaultKind, Shard, Shards, StoredScope,
};
use fred::interfaces::ClientLike;
use fred::types::{ClusterHash, CustomCommand, FromValue, Value};
use timers::{HistoryId, Millis, Scope, Timestamp};
use tokio::sync::watch;

use crate::redis::decode;
use crate::redis::fault::malformed_reply;
use crate::redis::routes::Routes;
use crate::redis::server::Server;
use crate::redis::shared::Shared;

/// Keys that a server looks at in one call of SCAN.
const SCAN_COUNT: &str = "1000";

/// Attempts to read a scope in parts. The next one reads it at once, during which the server serves nobody else: only the
/// scope of a long history that changes all the time needs it.
const PARTS_ATTEMPTS: usize = 8;

/// More rows than a history has.
const ALL_ROWS: usize = 1 << 40;

/// The access of an export to the servers.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) shared: Arc<Shared>,
    pub(crate) routes: watch::Receiver<Arc<Routes>>,
}

/// An export.
pub(crate) struct RedisExport {
    source: Source,
    scopes: u64,
    waiting: VecDeque<Scope>,
    /// The rest of the scope that was read last. A scope is read as a whole, since it may change in between.
    parts: VecDeque<ExportPart>,
}

impl RedisExport {
    /// Reads the names of all scopes.
    pub(crate) async fn open(source: Source) -> Result<Self, Fault> {
        let (scopes, damaged) = source.scopes().await?;
        let parts = damaged
            .into_iter()
            .map(|key| ExportPart::Damaged(key, Fault::new(FaultKind::Damaged, "the name of the key has no scope")));
        Ok(Self { source, scopes: scopes.len() as u64, parts: parts.collect(), waiting: scopes.into_iter().collect() })
    }
}

#[async_trait]
impl Export for RedisExport {
    fn scopes(&self) -> u64 {
        self.scopes
    }

    async fn next(&mut self) -> Result<Option<ExportPart>, Fault> {
        loop {
            if let Some(part) = self.parts.pop_front() {
                return Ok(Some(part));
            }
            let Some(scope) = self.waiting.front() else { return Ok(None) };
            self.parts = match self.source.read(scope).await {
                Ok(parts) => parts.into(),
                Err(fault) if fault.kind() == FaultKind::Damaged => {
                    VecDeque::from([ExportPart::Damaged(scope.to_string(), fault)])
                }
                Err(fault) => return Err(fault),
            };
            self.waiting.pop_front();
        }
    }
}

impl Source {
    /// Returns the scopes of all servers, and keys of boards whose names have no scope.
    async fn scopes(&self) -> Result<(BTreeSet<Scope>, BTreeSet<String>), Fault> {
        let servers = self.servers()?;
        let (mut scopes, mut damaged) = (BTreeSet::new(), BTreeSet::new());
        for (server, _) in &servers {
            for key in scan(server, &self.shared.keys.board_pattern()).await? {
                match self.shared.keys.scope_of_board(&key) {
                    Some(scope) => drop(scopes.insert(scope)),
                    None => drop(damaged.insert(key)),
                }
            }
        }
        // A key that moved from one server to another may have been missed by both scans.
        let after = self.servers()?;
        let is_same = servers.len() == after.len()
            && servers.iter().zip(&after).all(|(a, b)| Arc::ptr_eq(&a.0, &b.0) && a.1 == b.1);
        if is_same {
            Ok((scopes, damaged))
        } else {
            Err(Fault::new(FaultKind::Unavailable, "slots of the cluster moved during the export"))
        }
    }

    /// Returns each server with its shards; all shards must have one.
    fn servers(&self) -> Result<Vec<(Arc<Server>, Shards)>, Fault> {
        let routes = Arc::clone(&self.routes.borrow());
        let servers: Vec<_> =
            routes.servers().into_iter().map(|server| (Arc::clone(&server), server.shards())).collect();
        let covered: usize = servers.iter().map(|(_, shards)| shards.len()).sum();
        if covered < Shards::ALL.len() {
            return Err(Fault::new(FaultKind::Unavailable, "a part of the shards has no server"));
        }
        Ok(servers)
    }

    /// Reads a scope, with all its rows. Empty if the scope is gone.
    async fn read(&self, scope: &Scope) -> Result<Vec<ExportPart>, Fault> {
        for attempt in 0..=PARTS_ATTEMPTS {
            let at_once = attempt == PARTS_ATTEMPTS;
            let (rows, bytes) = if at_once { (ALL_ROWS, ALL_ROWS) } else { (EXPORT_ROWS_MAX, EXPORT_BYTES) };
            if let Some(parts) = self.try_read(scope, rows, bytes).await? {
                return Ok(parts);
            }
        }
        Err(Fault::new(FaultKind::Unavailable, format!("{scope} changed during each attempt to read it")))
    }

    /// Reads a scope; `None` if it changed between two parts.
    async fn try_read(&self, scope: &Scope, rows: usize, bytes: usize) -> Result<Option<Vec<ExportPart>>, Fault> {
        let server = self.routes.borrow().server(Shard::of(scope))?;
        server.check_time()?;
        let (mut parts, mut passed, mut tag) = (Vec::new(), 0_u64, String::new());
        loop {
            let args = [tag.clone(), scope.to_string(), passed.to_string(), rows.to_string(), bytes.to_string()];
            let keys = self.shared.keys.of(scope);
            let keys = vec![keys.board, keys.due, keys.rows, keys.index];
            let args = args.into_iter().map(Value::from).collect();
            let reply = self.shared.export.run(&server.commands()?, keys, args).await;
            let Some(reply) = PartReply::decode(reply.map_err(|error| server.fault(error))?)? else { return Ok(None) };
            if tag.is_empty() {
                if reply.board.is_empty() {
                    return Ok(Some(Vec::new()));
                }
                let text = reply.board.get("@tag").map(|tag| String::from_utf8_lossy(tag).into_owned());
                tag = format!("t{}", text.unwrap_or_default());
                parts.push(ExportPart::Scope(reply.scope(scope, &server)?));
            }
            passed += reply.passed;
            let more = reply.more;
            parts.extend(reply.rows(scope));
            if !more {
                return Ok(Some(parts));
            }
        }
    }
}

/// The reply of `export.lua`.
struct PartReply {
    now: Timestamp,
    board: HashMap<String, Bytes>,
    deadline: String,
    left: i64,
    more: bool,
    rows: Vec<Bytes>,
    passed: u64,
}

impl PartReply {
    fn decode(reply: Value) -> Result<Option<Self>, Fault> {
        let mut values = reply.into_array().into_iter();
        let mut next = || values.next().ok_or_else(malformed);
        if converted::<u8>(next()?)? == 0 {
            return Ok(None);
        }
        let now = Timestamp(converted(next()?)?);
        let board = next()?;
        let board = if board.array_len() == Some(0) { HashMap::new() } else { converted(board)? };
        Ok(Some(Self {
            now,
            board,
            deadline: converted(next()?)?,
            left: converted(next()?)?,
            more: converted::<u8>(next()?)? == 1,
            rows: converted(next()?)?,
            passed: converted(next()?)?,
        }))
    }

    fn scope(&self, scope: &Scope, server: &Server) -> Result<StoredScope, Fault> {
        let now = server.cluster_time(self.now);
        let mut loaded = decode::board(self.board.clone(), BTreeSet::new(), Vec::new(), now)?;
        for recent in &mut loaded.recent {
            recent.at = recent.at + now.since(self.now) - self.now.since(now);
        }
        loaded.items.sort_by(|a, b| a.0.cmp(&b.0));
        let deadline = match self.deadline.as_str() {
            "" => None,
            score => Some(instant(score).ok_or_else(malformed)?),
        };
        let left = u64::try_from(self.left).ok();
        Ok(StoredScope {
            scope: scope.clone(),
            position: loaded.position,
            at: loaded.at,
            items: loaded.items,
            recent: loaded.recent,
            deadline,
            ends_at: left.map(|left| now + Millis(left)),
            touched_at: loaded.touched_at,
        })
    }

    /// Returns the rows; damaged ones one by one.
    fn rows(self, scope: &Scope) -> Vec<ExportPart> {
        let (mut rows, mut parts) = (Vec::new(), Vec::new());
        for fields in self.rows.chunks_exact(3) {
            match row(fields) {
                Ok(row) => rows.push(row),
                Err(fault) => {
                    let name = format!("{scope}, history row {}", String::from_utf8_lossy(&fields[0]));
                    parts.push(ExportPart::Damaged(name, fault));
                }
            }
        }
        if !rows.is_empty() {
            parts.push(ExportPart::Rows(rows));
        }
        parts
    }
}

fn row(fields: &[Bytes]) -> Result<ArchivedRow, Fault> {
    let id = std::str::from_utf8(&fields[0]).ok().and_then(|id| HistoryId::new(id).ok()).ok_or_else(malformed)?;
    let at = std::str::from_utf8(&fields[1]).ok().and_then(instant).ok_or_else(malformed)?;
    ArchivedRow::from_value(id, at, fields[2].clone())
}

/// Reads a score as Redis writes it.
fn instant(score: &str) -> Option<Timestamp> {
    score.parse().ok().map(crate::redis::score::timestamp)
}

/// Returns the keys of a server that match a pattern, some of them repeatedly.
async fn scan(server: &Server, pattern: &str) -> Result<Vec<String>, Fault> {
    let (mut keys, mut cursor) = (Vec::new(), "0".to_owned());
    loop {
        let scan = CustomCommand::new_static("SCAN", ClusterHash::Random, false);
        let args = [cursor.as_str(), "MATCH", pattern, "COUNT", SCAN_COUNT].map(Value::from).to_vec();
        let reply: Value = server.commands()?.custom(scan, args).await.map_err(|error| server.fault(error))?;
        let mut values = reply.into_array().into_iter();
        let mut next = || values.next().ok_or_else(malformed);
        cursor = converted(next()?)?;
        for key in converted::<Vec<Bytes>>(next()?)? {
            keys.push(String::from_utf8_lossy(&key).into_owned());
        }
        if cursor == "0" {
            return Ok(keys);
        }
    }
}

fn converted<T: FromValue>(value: Value) -> Result<T, Fault> {
    value.convert().map_err(|_| malformed())
}

fn malformed() -> Fault {
    malformed_reply("an export")
}
