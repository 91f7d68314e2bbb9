//! Whole scopes of Redis: what a restore writes, and the access to them.

use std::collections::HashMap;

use async_trait::async_trait;
use bytes::{BufMut, Bytes, BytesMut};
use engine::StoreTime;
use engine::store::{ArchivedRow, Export, Fault, HistorySize, RestoreStep, StoredScope, Transfer};
use fred::clients::{Client, Pipeline};
use fred::error::Error;
use fred::interfaces::{HashesInterface, KeysInterface, SortedSetsInterface};
use fred::types::Value;
use timers::{Position, Scope};

use crate::redis::export::{RedisExport, Source};
use crate::redis::fault::malformed_reply;
use crate::redis::history_of_term::entry;
use crate::redis::keys::{ScopeKeys, beat_shard};
use crate::redis::score::score;
use crate::redis::server::Server;
use crate::redis::store::RedisStore;

#[async_trait]
impl Transfer for RedisStore {
    async fn export(&self) -> Result<Box<dyn Export>, Fault> {
        Ok(Box::new(RedisExport::open(self.source()).await?))
    }

    async fn restore(&self, steps: Vec<RestoreStep>) -> Result<(), Fault> {
        for step in steps {
            match step {
                RestoreStep::Clear(scope) => self.clear(&scope).await?,
                RestoreStep::Rows(scope, rows) => self.restore_rows(&scope, &rows).await?,
                RestoreStep::Finish(stored, size) => self.finish_scope(&stored, size).await?,
            }
        }
        Ok(())
    }

    async fn continue_time(&self, time: StoreTime, empty: bool) -> Result<(), Fault> {
        let Source { shared, routes } = self.source();
        let server = routes.borrow().server(beat_shard())?;
        let args = [time.now.to_string(), time.absorbed.0.to_string(), u8::from(empty).to_string()];
        let args = args.into_iter().map(Value::from).collect();
        let reply = shared.continue_time.run(&server.beats()?, vec![shared.keys.beat()], args).await;
        reply.map(drop).map_err(|error| server.fault(error))
    }

    async fn unfinished_restore(&self) -> Result<Option<u64>, Fault> {
        let Source { shared, routes } = self.source();
        let server = routes.borrow().server(beat_shard())?;
        let marker: Result<Option<String>, Error> = server.commands()?.get(shared.keys.unfinished_restore()).await;
        let marker = marker.map_err(|error| server.fault(error))?;
        let backup = |marker: String| u64::from_str_radix(&marker, 16);
        marker.map(backup).transpose().map_err(|_| malformed_reply("a query for an unfinished restore"))
    }

    async fn set_unfinished_restore(&self, backup: Option<u64>) -> Result<(), Fault> {
        let Source { shared, routes } = self.source();
        let server = routes.borrow().server(beat_shard())?;
        let (commands, key) = (server.commands()?, shared.keys.unfinished_restore());
        let marked: Result<(), Error> = match backup {
            Some(backup) => commands.set(key, format!("{backup:016x}"), None, None, false).await,
            None => commands.del(key).await,
        };
        marked.map_err(|error| server.fault(error))
    }
}

impl RedisStore {
    async fn clear(&self, scope: &Scope) -> Result<(), Fault> {
        let (server, keys) = self.place(scope)?;
        let ScopeKeys { board, due, rows, index, terms, .. } = keys;
        let pipeline = server.commands()?.pipeline();
        let queued = async {
            let _: () = pipeline.unlink(vec![board, rows, index, terms]).await?;
            pipeline.zrem(due, scope.to_string()).await
        };
        send(&server, &pipeline, queued.await).await
    }

    async fn restore_rows(&self, scope: &Scope, rows: &[ArchivedRow]) -> Result<(), Fault> {
        if rows.is_empty() {
            return Ok(());
        }
        let (server, keys) = self.place(scope)?;
        let values: HashMap<String, Bytes> = rows.iter().map(|row| (row.id.to_string(), row.value())).collect();
        let instants: Vec<(f64, String)> = rows.iter().map(|row| (score(row.at), row.id.to_string())).collect();
        let terms = rows.iter().flat_map(|row| {
            row.terms.iter().map(|term| (0.0, Value::Bytes(entry(term, row.at, row.id.as_str().as_bytes()))))
        });
        let terms: Vec<(f64, Value)> = terms.collect();
        let pipeline = server.commands()?.pipeline();
        let queued = async {
            let _: () = pipeline.hset(&keys.rows, values).await?;
            let _: () = pipeline.zadd(&keys.index, None, None, false, false, instants).await?;
            if !terms.is_empty() {
                let _: () = pipeline.zadd(&keys.terms, None, None, false, false, terms).await?;
            }
            Ok(())
        };
        send(&server, &pipeline, queued.await).await
    }

    async fn finish_scope(&self, stored: &StoredScope, size: HistorySize) -> Result<(), Fault> {
        let (server, keys) = self.place(&stored.scope)?;
        let mut fields = fields(stored, &server);
        if size.rows > 0 {
            fields.insert("@history".to_owned(), Value::from(size.bytes.to_string()));
        }
        let pipeline = server.commands()?.pipeline();
        let queued = async {
            if let Some(at) = stored.deadline {
                let entry = (score(at), stored.scope.to_string());
                let _: () = pipeline.zadd(&keys.due, None, None, false, false, entry).await?;
            }
            let _: () = pipeline.hset(&keys.board, fields).await?;
            if let Some(at) = stored.ends_at {
                let at = i64::try_from(server.server_time(at).0).unwrap_or(i64::MAX);
                for key in [&keys.rows, &keys.index, &keys.terms, &keys.board] {
                    let _: () = pipeline.pexpire_at(key, at, None).await?;
                }
            }
            Ok(())
        };
        send(&server, &pipeline, queued.await).await?;
        // As safe as a commit, if replicas must acknowledge those.
        server.confirm(&stored.scope, stored.position.tag).await.map(drop)
    }
}

/// Returns the fields of a board's hash, as `commit.lua` and a touch write them.
fn fields(stored: &StoredScope, server: &Server) -> HashMap<String, Value> {
    let mut fields = HashMap::new();
    for (key, bytes) in &stored.items {
        fields.insert(key.to_string(), Value::Bytes(bytes.clone()));
    }
    if stored.position != Position::NONE {
        let mut ids = BytesMut::new();
        for recent in &stored.recent {
            ids.put_u64(recent.id.0);
            ids.put_uint(recent.revision.0, 6);
            ids.put_uint(server.server_time(recent.at).0, 6);
        }
        let position = stored.position;
        fields.insert("@rev".to_owned(), Value::from(position.revision.to_string()));
        fields.insert("@tag".to_owned(), Value::from(position.tag.to_string()));
        fields.insert("@at".to_owned(), Value::from(stored.at.to_string()));
        fields.insert("@ids".to_owned(), Value::Bytes(ids.freeze()));
    }
    if let Some(at) = stored.touched_at {
        fields.insert("@touched".to_owned(), Value::from(at.to_string()));
    }
    fields
}

/// Sends what was queued, and fails with the first error.
async fn send(server: &Server, pipeline: &Pipeline<Client>, queued: Result<(), Error>) -> Result<(), Fault> {
    queued.map_err(|error| server.fault(error))?;
    match pipeline.try_all::<Value>().await.into_iter().find_map(Result::err) {
        Some(error) => Err(server.fault(error)),
        None => Ok(()),
    }
}
