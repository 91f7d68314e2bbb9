//! Reads the due deadlines of one server's shards.

use bytes::Bytes;
use engine::store::{Due, DuePage, Fault, Shard};
use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::SortedSetsInterface;
use timers::Timestamp;

use crate::known_scopes::{PAGE_SIZE, PAGES_MAX};
use crate::redis::score::{score, timestamp};
use crate::redis::server::Server;
use crate::redis::shared::Shared;

/// The state of reading one shard's index.
struct ShardRead {
    shard: Shard,
    /// Entries read so far, including the skipped ones.
    offset: usize,
    due: Vec<Due>,
    more: bool,
}

impl ShardRead {
    fn new(shard: Shard) -> Self {
        Self { shard, offset: 0, due: Vec::new(), more: true }
    }

    /// Tells whether another page is needed.
    fn is_open(&self, limit: usize) -> bool {
        self.more && self.due.len() < limit
    }

    /// Adds a page of at most `requested` entries; entries of unknown scopes are skipped.
    fn add(&mut self, page: Vec<(Bytes, f64)>, requested: usize, limit: usize, shared: &Shared) {
        self.more = page.len() == requested;
        self.offset += page.len();
        for (entry, at) in page {
            if let Some(scope) = shared.known_scopes.parse(&entry) {
                self.due.push(Due { scope, at: timestamp(at) });
            }
        }
        self.more |= self.due.len() > limit;
        self.due.truncate(limit);
    }
}

/// Reads at most `limit` deadlines of each shard. One round trip, or a few if entries of unknown scopes come
/// first.
pub(crate) async fn read(server: &Server, shared: &Shared, until: Timestamp, limit: usize) -> Result<DuePage, Fault> {
    let mut reads: Vec<ShardRead> = server.shards().iter().map(ShardRead::new).collect();
    let mut requested = limit + 1;
    for _ in 0..PAGES_MAX {
        let mut open: Vec<&mut ShardRead> = reads.iter_mut().filter(|read| read.is_open(limit)).collect();
        if open.is_empty() {
            break;
        }
        let cursors = open.iter().map(|read| (shared.keys.due(read.shard), read.offset));
        let pages = read_pages(server.commands()?, cursors, until, requested).await;
        let pages = pages.map_err(|error| server.fault(error))?;
        for (read, page) in open.iter_mut().zip(pages) {
            read.add(page, requested, limit, shared);
        }
        requested = PAGE_SIZE;
    }
    let more = reads.iter().any(|read| read.more);
    Ok(DuePage { due: reads.into_iter().flat_map(|read| read.due).collect(), more })
}

/// Reads at most `count` entries of each index, each from its offset.
async fn read_pages(
    commands: &Client,
    cursors: impl Iterator<Item = (String, usize)>,
    until: Timestamp,
    count: usize,
) -> Result<Vec<Vec<(Bytes, f64)>>, Error> {
    let pipeline = commands.pipeline();
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    for (index, offset) in cursors {
        let window = Some((number(offset), number(count)));
        let _: () = pipeline.zrangebyscore(index, f64::NEG_INFINITY, score(until), true, window).await?;
    }
    pipeline.all().await
}
