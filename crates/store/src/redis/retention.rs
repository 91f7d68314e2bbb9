//! The size of histories, and the life of scopes.

use engine::store::{Commit, Fault, FaultKind};
use fred::types::Value;
use timers::{Millis, Scope, Tag};

use crate::redis::fault::malformed_reply;
use crate::redis::keys::ScopeKeys;
use crate::redis::script::{ScriptCall, is_noscript};
use crate::redis::server::Server;
use crate::redis::shared::Shared;

/// Most calls of `count_history.lua` for one commit. A history is counted once, and only while it has fewer rows than the
/// quota; above ten million rows the quota of bytes does not apply to it.
const COUNT_CALLS_MAX: usize = 10_000;

/// Counts the bytes of a history that was written before they were counted, and stores the sum on the board. Does nothing
/// if the board is not at the commit's tag any more: the commit will conflict.
pub(crate) async fn count_history(server: &Server, shared: &Shared, commit: &Commit) -> Result<(), Fault> {
    let ScopeKeys { board, rows, index, .. } = shared.keys.of(&commit.scope);
    let tag = if commit.expected == Tag::NONE { String::new() } else { commit.expected.to_string() };
    let (mut counted, mut bytes) = (0_u64, 0_u64);
    for _ in 0..COUNT_CALLS_MAX {
        let keys = vec![board.clone(), rows.clone(), index.clone()];
        let args = [tag.clone(), counted.to_string(), bytes.to_string()].map(Value::from).to_vec();
        let reply = shared.count_history.run(&server.commands()?, keys, args).await;
        let reply = reply.map_err(|error| server.fault(error))?;
        let is_over: u8;
        (is_over, counted, bytes) = reply.convert().map_err(|_| malformed_reply("the count of a history"))?;
        if is_over == 1 {
            tracing::debug!(rows = counted, bytes, "a history was counted");
            return Ok(());
        }
    }
    Err(Fault::new(FaultKind::Damaged, "a history has too many rows to be counted"))
}

/// Postpones the end of scopes that have one. One round trip; two when the server lacks the script.
pub(crate) async fn extend(
    server: &Server,
    shared: &Shared,
    scopes: impl Iterator<Item = &Scope>,
    lifetime: Millis,
) -> Result<(), Fault> {
    let keys = scopes.map(|scope| shared.keys.of(scope));
    let keys = keys.map(|ScopeKeys { board, rows, index, terms, .. }| [board, rows, index, terms]);
    let keys: Vec<[String; 4]> = keys.collect();
    let args = [Value::from(lifetime.0.to_string())];
    let mut failed = None;
    for call in [ScriptCall::Hash, ScriptCall::Source] {
        let pipeline = server.commands()?.pipeline();
        for keys in &keys {
            shared.extend.queue(&pipeline, call, keys, &args).await.map_err(|error| server.fault(error))?;
        }
        failed = pipeline.try_all::<Value>().await.into_iter().find_map(Result::err);
        if !failed.as_ref().is_some_and(is_noscript) {
            break;
        }
    }
    failed.map_or(Ok(()), |error| Err(server.fault(error)))
}
