//! Reading what falls due of one server's shards.

use engine::store::{Due, DueLook, Fault, Shard};
use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::SortedSetsInterface;
use timers::Timestamp;

use crate::redis::keys::Keys;
use crate::redis::score::{score, timestamp};
use crate::redis::server::Server;

/// Entries read at once behind those of scopes that this version does not know.
const PAGE: usize = 1000;

/// Most pages read in one look.
const PAGES_MAX: usize = 8;

/// A shard's part of a look.
struct Part {
    shard: Shard,
    read: usize,
    due: Vec<Due>,
    more: bool,
}

impl Part {
    fn of(shard: Shard) -> Self {
        Self { shard, read: 0, due: Vec::new(), more: true }
    }

    /// Tells whether there may be more, and room for it.
    fn is_open(&self, limit: usize) -> bool {
        self.more && self.due.len() < limit
    }

    /// Takes in a page of so many at most. A newer version's entries are left to its nodes, and must not hide
    /// our own.
    fn take(&mut self, page: Vec<(String, f64)>, asked: usize, limit: usize) {
        self.more = page.len() == asked;
        self.read += page.len();
        for (scope, at) in page {
            match scope.parse() {
                Ok(scope) => self.due.push(Due { scope, at: timestamp(at) }),
                Err(error) => tracing::debug!(%scope, %error, "a deadline of an unknown scope is left alone"),
            }
        }
        self.more |= self.due.len() > limit;
        self.due.truncate(limit);
    }
}

/// Reads at most `limit` of each shard. One round trip, or a few where there are unknown scopes.
pub(crate) async fn look(server: &Server, keys: &Keys, until: Timestamp, limit: usize) -> Result<DueLook, Fault> {
    let mut parts: Vec<Part> = server.shards().iter().map(Part::of).collect();
    let mut asked = limit + 1;
    for _ in 0..PAGES_MAX {
        let mut open: Vec<&mut Part> = parts.iter_mut().filter(|part| part.is_open(limit)).collect();
        if open.is_empty() {
            break;
        }
        let places = open.iter().map(|part| (keys.due(part.shard), part.read));
        let read = read(server.commands()?, places, until, asked).await;
        let pages = read.map_err(|error| server.fault(error))?;
        for (part, page) in open.iter_mut().zip(pages) {
            part.take(page, asked, limit);
        }
        asked = PAGE;
    }
    let more = parts.iter().any(|part| part.more);
    Ok(DueLook { due: parts.into_iter().flat_map(|part| part.due).collect(), more })
}

/// Reads at most `count` entries of each index, each from a place on.
async fn read(
    commands: &Client,
    places: impl Iterator<Item = (String, usize)>,
    until: Timestamp,
    count: usize,
) -> Result<Vec<Vec<(String, f64)>>, Error> {
    let pipeline = commands.pipeline();
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    for (due, from) in places {
        let window = Some((number(from), number(count)));
        let _: () = pipeline.zrangebyscore(due, f64::NEG_INFINITY, score(until), true, window).await?;
    }
    pipeline.all().await
}
