//! The owner of each shard in a cluster, from the servers' own replies to `CLUSTER NODES`.

use std::collections::BTreeMap;
use std::fmt;

use engine::store::{SHARDS, Shard, Shards};

use crate::redis::keys::Keys;

/// The host and port of a server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A primary and its slots. When two primaries claim one slot, the larger epoch wins.
#[derive(Debug, PartialEq, Eq)]
struct SlotOwner {
    address: Address,
    epoch: u64,
    slots: Vec<(u16, u16)>,
}

/// Returns the shards of each primary, from the replies of all servers that gave one.
pub(crate) fn shard_owners(replies: &[(Address, String)], keys: &Keys) -> BTreeMap<Address, Shards> {
    let mut best: Vec<Option<(u64, &Address)>> = vec![None; SHARDS];
    let slot_owners: Vec<SlotOwner> = replies.iter().flat_map(|(queried, reply)| slot_owners(queried, reply)).collect();
    for shard in Shard::all() {
        let slot = keys.slot(shard);
        for candidate in &slot_owners {
            let has_slot = candidate.slots.iter().any(|(first, last)| (*first..=*last).contains(&slot));
            let best = &mut best[shard.index()];
            if has_slot && best.is_none_or(|(epoch, _)| epoch < candidate.epoch) {
                *best = Some((candidate.epoch, &candidate.address));
            }
        }
    }
    let mut owners: BTreeMap<Address, Vec<Shard>> = BTreeMap::new();
    for (shard, owner) in Shard::all().zip(best) {
        if let Some((_, address)) = owner {
            owners.entry(address.clone()).or_default().push(shard);
        }
    }
    owners.into_iter().map(|(address, shards)| (address, shards.into_iter().collect())).collect()
}

/// Parses one reply; malformed lines are skipped.
fn slot_owners(queried: &Address, reply: &str) -> Vec<SlotOwner> {
    reply.lines().filter_map(|line| slot_owner(queried, line)).collect()
}

/// The format of a line: `id ip:port@bus[,host] flags primary ping pong epoch link slots…`.
fn slot_owner(queried: &Address, line: &str) -> Option<SlotOwner> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (endpoint, flags, epoch) = (fields.get(1)?, fields.get(2)?, fields.get(6)?);
    let flags: Vec<&str> = flags.split(',').collect();
    if !flags.contains(&"master") || flags.contains(&"noaddr") {
        return None;
    }
    // `[slot->-id]` and `[slot-<-id]` are slots in migration; the old owner keeps them until the migration
    // ends.
    let slots: Vec<(u16, u16)> =
        fields.get(8..)?.iter().filter(|field| !field.starts_with('[')).filter_map(|field| slots(field)).collect();
    if slots.is_empty() {
        return None;
    }
    let address = address(endpoint, flags.contains(&"myself").then_some(queried))?;
    Some(SlotOwner { address, epoch: epoch.parse().ok()?, slots })
}

fn address(endpoint: &str, myself: Option<&Address>) -> Option<Address> {
    let mut parts = endpoint.split(',');
    let (ip, port) = parts.next()?.split('@').next()?.rsplit_once(':')?;
    let name = parts.next().filter(|name| !name.is_empty() && !name.contains('='));
    let host = name.or(Some(ip).filter(|ip| !ip.is_empty())).or(myself.map(|queried| queried.host.as_str()))?;
    Some(Address { host: host.to_owned(), port: port.parse().ok()? })
}

fn slots(field: &str) -> Option<(u16, u16)> {
    let (first, last) = field.split_once('-').unwrap_or((field, field));
    Some((first.parse().ok()?, last.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> Address {
        Address { host: "10.0.0.1".to_owned(), port }
    }

    fn counts(replies: &[(u16, &str)]) -> Vec<(String, usize)> {
        let replies: Vec<(Address, String)> = replies.iter().map(|(port, text)| (at(*port), (*text).into())).collect();
        let owners = shard_owners(&replies, &Keys::new("tickcast", 0));
        owners.into_iter().map(|(address, shards)| (address.to_string(), shards.len())).collect()
    }

    #[test]
    fn primaries_own_their_slots_and_replicas_own_none() {
        let reply = "\
            a 10.0.0.1:1@10001 myself,master - 0 0 1 connected 0-8191 [93->-b]\n\
            b 10.0.0.2:2@10002,shard-b.local master - 0 0 2 connected 8192-16382 16383\n\
            c 10.0.0.3:3@10003 slave a 0 0 1 connected\n";
        assert_eq!(counts(&[(1, reply)]), [("10.0.0.1:1".to_owned(), 128), ("shard-b.local:2".to_owned(), 128)]);
    }

    #[test]
    fn the_larger_epoch_wins_whichever_server_reports_it() {
        let old = "a 10.0.0.1:1@1 master,fail - 0 0 1 connected 0-16383\n";
        let new =
            "a 10.0.0.1:1@1 master,fail - 0 0 1 disconnected\nb 10.0.0.2:2@2 myself,master - 0 0 7 connected 0-16383\n";
        for replies in [[(1, old), (2, new)], [(2, new), (1, old)]] {
            assert_eq!(counts(&replies), [("10.0.0.2:2".to_owned(), 256)]);
        }
    }

    #[test]
    fn a_server_without_an_address_gets_the_one_it_was_queried_at() {
        assert_eq!(
            counts(&[(5, "a :6379@16379 myself,master - 0 0 1 connected 0-16383")]),
            [("10.0.0.1:6379".into(), 256)]
        );
        assert_eq!(counts(&[(5, "a [::1]:6379@1 master - 0 0 1 connected 0-16383")]), [("[::1]:6379".into(), 256)]);
        assert_eq!(counts(&[(5, "nonsense\n\na b c\n")]), []);
    }

    #[test]
    fn unassigned_slots_have_no_owner() {
        assert_eq!(counts(&[(5, "a 10.0.0.9:1@1 master - 0 0 1 connected 0-63")]), [("10.0.0.9:1".into(), 1)]);
    }
}
