//! The server of each shard.

use std::sync::Arc;

use engine::store::{Fault, SHARDS, Shard, Shards};

use crate::redis::fault::not_connected;
use crate::redis::server::Server;

/// The server of each shard.
pub(crate) struct Routes {
    servers: Vec<Option<Arc<Server>>>,
    /// Why shards have no server, if that is known.
    reason: Option<String>,
}

impl Routes {
    /// Returns routes without any server.
    pub(crate) fn empty() -> Self {
        Self { servers: vec![None; SHARDS], reason: None }
    }

    /// Returns routes without any server, for a reason.
    pub(crate) fn unavailable(reason: String) -> Self {
        Self { reason: Some(reason), ..Self::empty() }
    }

    /// Makes the routes to some servers.
    pub(crate) fn new<'s>(servers: impl IntoIterator<Item = (&'s Arc<Server>, Shards)>) -> Self {
        let mut routes = Self::empty();
        for (server, shards) in servers {
            for shard in shards.iter() {
                routes.servers[shard.index()] = Some(Arc::clone(server));
            }
        }
        routes
    }

    /// Returns the server of a shard.
    pub(crate) fn server(&self, shard: Shard) -> Result<Arc<Server>, Fault> {
        self.servers[shard.index()].clone().ok_or_else(not_connected)
    }

    /// Returns each server once, with the indices in `shards` of the shards it owns.
    pub(crate) fn group_by_server(&self, shards: &[Shard]) -> Vec<(Arc<Server>, Vec<usize>)> {
        let mut split: Vec<(Arc<Server>, Vec<usize>)> = Vec::new();
        for (index, shard) in shards.iter().enumerate() {
            let Some(server) = &self.servers[shard.index()] else { continue };
            match split.iter_mut().find(|(known, _)| Arc::ptr_eq(known, server)) {
                Some((_, indices)) => indices.push(index),
                None => split.push((Arc::clone(server), vec![index])),
            }
        }
        split
    }

    /// Returns each server once.
    pub(crate) fn servers(&self) -> Vec<Arc<Server>> {
        let shards: Vec<Shard> = Shard::all().collect();
        self.group_by_server(&shards).into_iter().map(|(server, _)| server).collect()
    }

    /// Returns the number of usable shards.
    pub(crate) fn usable_shards(&self) -> usize {
        self.servers().iter().filter(|server| server.ready().is_ok()).map(|server| server.shards().len()).sum()
    }

    /// Tells whether enough shards are usable for the node to receive clients: all of them if `all`, else more
    /// than half. With a single server it is all or nothing.
    pub(crate) fn ready(&self, all: bool) -> Result<(), String> {
        let servers = self.servers();
        let mut usable = 0;
        let mut reason = self.reason.clone();
        for server in &servers {
            match server.ready() {
                Ok(()) => usable += server.shards().len(),
                Err(error) => reason = Some(error),
            }
        }
        if usable > if all { SHARDS - 1 } else { SHARDS / 2 } {
            return Ok(());
        }
        Err(reason.unwrap_or_else(|| format!("a primary is known for {usable} of {SHARDS} shards")))
    }
}
