//! Reading boards, with the rows that a command must know.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use engine::store::{ArchivedRow, Fault, FaultKind, LoadedBoard};
use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::{ClientLike, HashesInterface, SortedSetsInterface};
use fred::types::{ClusterHash, CustomCommand, Value};
use timers::{HistoryId, RequiredRows, Scope, Timestamp};

use crate::redis::decode;
use crate::redis::fault::malformed_reply;
use crate::redis::keys::ScopeKeys;
use crate::redis::score::timestamp;
use crate::redis::server::Server;
use crate::redis::shared::Shared;
use crate::redis::span::Operation;

const LOAD: Operation = Operation { name: "PIPELINE", operation: "PIPELINE", script: None, batch: Some(2) };

/// Most attempts to read a board and rows of one state. A commit falls between the commands of a pipeline only if the server
/// receives it in the same instant.
const ATTEMPTS_MAX: usize = 8;

/// Loads a board.
pub(crate) async fn load(
    server: &Server,
    shared: &Shared,
    scope: &Scope,
    required: &RequiredRows,
) -> Result<LoadedBoard, Fault> {
    server.check_time()?;
    for _ in 0..ATTEMPTS_MAX {
        let replies = LoadReplies::read(server, shared, shared.keys.of(scope), required).await?;
        if replies.are_of_one_state() {
            return replies.decode(server, required);
        }
    }
    Err(Fault::new(FaultKind::Unavailable, "the board was changed during each attempt to read rows of its history"))
}

/// The replies to the commands of a load.
struct LoadReplies {
    fields: HashMap<String, Bytes>,
    existing: Vec<Value>,
    values: Vec<Option<Bytes>>,
    instants: Vec<Option<f64>>,
    /// The tag after the rows were read, if any were.
    tag_after: Option<Option<Bytes>>,
    now: Timestamp,
}

impl LoadReplies {
    async fn read(server: &Server, shared: &Shared, keys: ScopeKeys, required: &RequiredRows) -> Result<Self, Fault> {
        let commands = server.commands()?;
        let parts = [!required.existing.is_empty(), !required.bodies.is_empty()];
        let rows = u64::from(parts[0]) + 2 * u64::from(parts[1]) + u64::from(!required.is_empty());
        let operation = Operation { batch: LOAD.batch.map(|commands| commands + rows), ..LOAD };
        let replies = shared.endpoint.trace(operation, send(&commands, keys, required)).await;
        let mut replies = replies.map_err(|error| server.fault(error))?.into_iter();
        let mut next = || replies.next().ok_or_else(malformed);
        Ok(Self {
            fields: converted(next()?)?,
            existing: if parts[0] { converted(next()?)? } else { Vec::new() },
            values: if parts[1] { converted(next()?)? } else { Vec::new() },
            instants: if parts[1] { converted(next()?)? } else { Vec::new() },
            tag_after: if required.is_empty() { None } else { Some(converted(next()?)?) },
            now: decode::time(converted(next()?)?),
        })
    }

    /// Tells whether no commit fell between the board and the rows.
    fn are_of_one_state(&self) -> bool {
        self.tag_after.as_ref().is_none_or(|after| after.as_ref() == self.fields.get("@tag"))
    }

    fn decode(self, server: &Server, required: &RequiredRows) -> Result<LoadedBoard, Fault> {
        let (on_server, now) = (self.now, server.cluster_time(self.now));
        let existing = required.existing.iter().zip(&self.existing).filter(|(_, row)| !row.is_null());
        let existing: BTreeSet<HistoryId> = existing.map(|(id, _)| id.clone()).collect();
        let mut rows = Vec::new();
        for ((id, value), at) in required.bodies.iter().zip(self.values).zip(self.instants) {
            if let Some(value) = value {
                let unindexed = || Fault::new(FaultKind::Damaged, format!("the history row {id} is not in the index"));
                let at = timestamp(at.ok_or_else(unindexed)?);
                rows.push(ArchivedRow::from_value(id.clone(), at, value)?);
            }
        }
        let mut board = decode::board(self.fields, existing, rows, now)?;
        // They are dated by the server's own clock.
        for recent in &mut board.recent {
            recent.at = recent.at + now.since(on_server) - on_server.since(now);
        }
        Ok(board)
    }
}

/// Reads a board, the required rows if any, then the board's tag again, and the server's time.
async fn send(commands: &Client, keys: ScopeKeys, required: &RequiredRows) -> Result<Vec<Value>, Error> {
    let pipeline = commands.pipeline();
    let _: () = pipeline.hgetall(&keys.board).await?;
    let names = |ids: &[HistoryId]| ids.iter().map(HistoryId::to_string).collect::<Vec<_>>();
    if !required.existing.is_empty() {
        let _: () = pipeline.hmget(&keys.rows, names(&required.existing)).await?;
    }
    if !required.bodies.is_empty() {
        let _: () = pipeline.hmget(&keys.rows, names(&required.bodies)).await?;
        let _: () = pipeline.zmscore(&keys.index, names(&required.bodies)).await?;
    }
    if !required.is_empty() {
        let _: () = pipeline.hget(&keys.board, "@tag").await?;
    }
    let time = CustomCommand::new_static("TIME", ClusterHash::FirstKey, false);
    let _: () = pipeline.custom(time, Vec::<Value>::new()).await?;
    pipeline.all().await
}

fn converted<T: fred::types::FromValue>(reply: Value) -> Result<T, Fault> {
    reply.convert().map_err(|_| malformed())
}

fn malformed() -> Fault {
    malformed_reply("a load")
}
