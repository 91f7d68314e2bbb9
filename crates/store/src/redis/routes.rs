//! Which server has which shard.

use std::sync::Arc;

use engine::store::{Fault, SHARDS, Shard, Shards};

use crate::redis::fault::link_down;
use crate::redis::server::Server;

/// Which server has which shard.
pub(crate) struct Routes(Vec<Option<Arc<Server>>>);

impl Routes {
    /// No server has any.
    pub(crate) fn none() -> Self {
        Self(vec![None; SHARDS])
    }

    /// Makes the routes to some servers.
    pub(crate) fn to<'s>(servers: impl IntoIterator<Item = (&'s Arc<Server>, Shards)>) -> Self {
        let mut routes = Self::none();
        for (server, shards) in servers {
            for shard in shards.iter() {
                routes.0[shard.index()] = Some(Arc::clone(server));
            }
        }
        routes
    }

    /// Returns the server of a shard.
    pub(crate) fn server(&self, shard: Shard) -> Result<Arc<Server>, Fault> {
        self.0[shard.index()].clone().ok_or_else(link_down)
    }

    /// Returns each server once, with the places of `shards` that are its own.
    pub(crate) fn split(&self, shards: &[Shard]) -> Vec<(Arc<Server>, Vec<usize>)> {
        let mut split: Vec<(Arc<Server>, Vec<usize>)> = Vec::new();
        for (place, shard) in shards.iter().enumerate() {
            let Some(server) = &self.0[shard.index()] else { continue };
            match split.iter_mut().find(|(known, _)| Arc::ptr_eq(known, server)) {
                Some((_, places)) => places.push(place),
                None => split.push((Arc::clone(server), vec![place])),
            }
        }
        split
    }

    /// Returns each server once.
    pub(crate) fn servers(&self) -> Vec<Arc<Server>> {
        let shards: Vec<Shard> = Shard::all().collect();
        self.split(&shards).into_iter().map(|(server, _)| server).collect()
    }

    /// Returns how many shards can be used.
    pub(crate) fn usable(&self) -> usize {
        self.servers().iter().filter(|server| server.ready().is_ok()).map(|server| server.shards().len()).sum()
    }

    /// Tells whether enough can be used for a node to be sent clients: all, or more than half when `all` is
    /// no longer waited for. Of one server that is all or nothing.
    pub(crate) fn ready(&self, all: bool) -> Result<(), String> {
        let servers = self.servers();
        let mut usable = 0;
        let mut why = None;
        for server in &servers {
            match server.ready() {
                Ok(()) => usable += server.shards().len(),
                Err(reason) => why = Some(reason),
            }
        }
        if usable > if all { SHARDS - 1 } else { SHARDS / 2 } {
            return Ok(());
        }
        Err(why.unwrap_or_else(|| format!("{usable} of {SHARDS} shards are held by a primary that is known")))
    }
}
