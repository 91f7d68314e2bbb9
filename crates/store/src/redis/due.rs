//! Reads the due deadlines of one server's shards.

use bytes::Bytes;
use engine::store::{Due, DuePage, Fault, FaultKind, Shard, Shards};
use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::SortedSetsInterface;
use timers::Timestamp;

use crate::known_scopes::{PAGE_SIZE, PAGES_MAX};
use crate::redis::fault::each_reply;
use crate::redis::score::{score, timestamp};
use crate::redis::server::Server;
use crate::redis::shared::Shared;

/// Most keys that one log line names.
const KEYS_LOGGED_MAX: usize = 8;

/// The state of reading one shard's index.
struct ShardRead {
    shard: Shard,
    /// Entries read so far, including the skipped ones.
    offset: usize,
    due: Vec<Due>,
    more: bool,
    fault: Option<Fault>,
}

impl ShardRead {
    fn new(shard: Shard) -> Self {
        Self { shard, offset: 0, due: Vec::new(), more: true, fault: None }
    }

    /// Tells whether another page is needed.
    fn is_open(&self, limit: usize) -> bool {
        self.more && self.due.len() < limit
    }

    /// Ends the read with a fault; what was read before it counts.
    fn fail(&mut self, fault: Fault) {
        self.more = false;
        self.fault = Some(fault);
    }

    fn is_damaged(&self) -> bool {
        self.fault.as_ref().is_some_and(|fault| fault.kind() == FaultKind::Damaged)
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
/// first. A shard that can't be read does not affect the others.
///
/// # Errors
/// The fault if the server could not be asked.
pub(crate) async fn read(server: &Server, shared: &Shared, until: Timestamp, limit: usize) -> Result<DuePage, Fault> {
    let mut reads: Vec<ShardRead> = server.shards().iter().map(ShardRead::new).collect();
    let mut requested = limit + 1;
    for _ in 0..PAGES_MAX {
        let mut open: Vec<&mut ShardRead> = reads.iter_mut().filter(|read| read.is_open(limit)).collect();
        if open.is_empty() {
            break;
        }
        let cursors = open.iter().map(|read| (shared.keys.due(read.shard), read.offset));
        let pages = read_pages(&server.commands()?, cursors, until, requested).await;
        let pages = pages.map_err(|error| server.fault(error))?;
        for (read, page) in open.iter_mut().zip(pages) {
            match page {
                Ok(page) => read.add(page, requested, limit, shared),
                Err(error) => read.fail(server.fault(error)),
            }
        }
        requested = PAGE_SIZE;
    }
    report_damage(server, shared, &reads);
    let more = reads.iter().any(|read| read.more);
    let unread: Shards = reads.iter().filter(|read| read.fault.is_some()).map(|read| read.shard).collect();
    Ok(DuePage { due: reads.into_iter().flat_map(|read| read.due).collect(), more, unread })
}

fn report_damage(server: &Server, shared: &Shared, reads: &[ShardRead]) {
    let damaged: Vec<&ShardRead> = reads.iter().filter(|read| read.is_damaged()).collect();
    shared.counters.damaged.add(damaged.len() as u64);
    let shards: Shards = damaged.iter().map(|read| read.shard).collect();
    if !shared.damaged_shards.update(server.shards(), shards) {
        return;
    }
    let Some(fault) = damaged.first().and_then(|read| read.fault.as_ref()) else {
        tracing::info!("the deadlines of all shards of a server can be read again");
        return;
    };
    let keys = damaged.iter().take(KEYS_LOGGED_MAX).map(|read| shared.keys.due(read.shard));
    tracing::error!(
        shards = shards.len(),
        keys = keys.collect::<Vec<_>>().join(" "),
        error = %fault,
        "the deadlines of some shards can't be read and are not carried out; delete or restore the keys"
    );
}

/// Reads at most `count` entries of each index, each from its offset.
async fn read_pages(
    commands: &Client,
    cursors: impl ExactSizeIterator<Item = (String, usize)>,
    until: Timestamp,
    count: usize,
) -> Result<Vec<Result<Vec<(Bytes, f64)>, Error>>, Error> {
    let expected = cursors.len();
    let pipeline = commands.pipeline();
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    for (index, offset) in cursors {
        let window = Some((number(offset), number(count)));
        let _: () = pipeline.zrangebyscore(index, f64::NEG_INFINITY, score(until), true, window).await?;
    }
    each_reply(pipeline.try_all().await, expected)
}
