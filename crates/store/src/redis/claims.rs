//! Which primary of a cluster has which shard, as the servers themselves tell it.

use std::collections::BTreeMap;
use std::fmt;

use engine::store::{SHARDS, Shard, Shards};

use crate::redis::keys::Keys;

/// Where a server is.
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

/// A primary's claim to its slots. When two claim one slot, the larger epoch is right.
#[derive(Debug, PartialEq, Eq)]
struct Claim {
    address: Address,
    epoch: u64,
    slots: Vec<(u16, u16)>,
}

/// Reckons which shards each primary has, from the answers of `CLUSTER NODES` of all servers that gave one.
pub(crate) fn owners(answers: &[(Address, String)], keys: &Keys) -> BTreeMap<Address, Shards> {
    let mut best: Vec<Option<(u64, &Address)>> = vec![None; SHARDS];
    let claims: Vec<Claim> = answers.iter().flat_map(|(asked, answer)| claims(asked, answer)).collect();
    for shard in Shard::all() {
        let slot = keys.slot(shard);
        for claim in &claims {
            let claims_it = claim.slots.iter().any(|(first, last)| (*first..=*last).contains(&slot));
            let best = &mut best[shard.index()];
            if claims_it && best.is_none_or(|(epoch, _)| epoch < claim.epoch) {
                *best = Some((claim.epoch, &claim.address));
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

/// Reads the claims in one answer; lines that make no sense are passed over.
fn claims(asked: &Address, answer: &str) -> Vec<Claim> {
    answer.lines().filter_map(|line| claim(asked, line)).collect()
}

/// A line is `id ip:port@bus[,host] flags primary ping pong epoch link slots…`.
fn claim(asked: &Address, line: &str) -> Option<Claim> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (place, flags, epoch) = (words.get(1)?, words.get(2)?, words.get(6)?);
    let flags: Vec<&str> = flags.split(',').collect();
    if !flags.contains(&"master") || flags.contains(&"noaddr") {
        return None;
    }
    // `[slot->-id]` and `[slot-<-id]` are slots on the move; until they have moved the old owner is right.
    let slots: Vec<(u16, u16)> =
        words.get(8..)?.iter().filter(|word| !word.starts_with('[')).filter_map(|word| slots(word)).collect();
    if slots.is_empty() {
        return None;
    }
    let address = address(place, flags.contains(&"myself").then_some(asked))?;
    Some(Claim { address, epoch: epoch.parse().ok()?, slots })
}

fn address(place: &str, myself: Option<&Address>) -> Option<Address> {
    let mut parts = place.split(',');
    let (ip, port) = parts.next()?.split('@').next()?.rsplit_once(':')?;
    let name = parts.next().filter(|name| !name.is_empty() && !name.contains('='));
    let host = name.or(Some(ip).filter(|ip| !ip.is_empty())).or(myself.map(|asked| asked.host.as_str()))?;
    Some(Address { host: host.to_owned(), port: port.parse().ok()? })
}

fn slots(word: &str) -> Option<(u16, u16)> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some((first.parse().ok()?, last.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> Address {
        Address { host: "10.0.0.1".to_owned(), port }
    }

    fn counts(answers: &[(u16, &str)]) -> Vec<(String, usize)> {
        let answers: Vec<(Address, String)> = answers.iter().map(|(port, text)| (at(*port), (*text).into())).collect();
        let owners = owners(&answers, &Keys::new("tickcast"));
        owners.into_iter().map(|(address, shards)| (address.to_string(), shards.len())).collect()
    }

    #[test]
    fn primaries_own_what_they_say_and_replicas_nothing() {
        let told = "\
            a 10.0.0.1:1@10001 myself,master - 0 0 1 connected 0-8191 [93->-b]\n\
            b 10.0.0.2:2@10002,shard-b.local master - 0 0 2 connected 8192-16382 16383\n\
            c 10.0.0.3:3@10003 slave a 0 0 1 connected\n";
        assert_eq!(counts(&[(1, told)]), [("10.0.0.1:1".to_owned(), 128), ("shard-b.local:2".to_owned(), 128)]);
    }

    #[test]
    fn the_larger_epoch_is_right_whoever_tells_it() {
        let old = "a 10.0.0.1:1@1 master,fail - 0 0 1 connected 0-16383\n";
        let new =
            "a 10.0.0.1:1@1 master,fail - 0 0 1 disconnected\nb 10.0.0.2:2@2 myself,master - 0 0 7 connected 0-16383\n";
        for answers in [[(1, old), (2, new)], [(2, new), (1, old)]] {
            assert_eq!(counts(&answers), [("10.0.0.2:2".to_owned(), 256)]);
        }
    }

    #[test]
    fn a_server_that_does_not_know_its_address_has_the_one_it_was_asked_at() {
        assert_eq!(
            counts(&[(5, "a :6379@16379 myself,master - 0 0 1 connected 0-16383")]),
            [("10.0.0.1:6379".into(), 256)]
        );
        assert_eq!(counts(&[(5, "a [::1]:6379@1 master - 0 0 1 connected 0-16383")]), [("[::1]:6379".into(), 256)]);
        assert_eq!(counts(&[(5, "nonsense\n\na b c\n")]), []);
    }

    #[test]
    fn slots_that_nobody_has_are_nobodys() {
        assert_eq!(counts(&[(5, "a 10.0.0.9:1@1 master - 0 0 1 connected 0-63")]), [("10.0.0.9:1".into(), 1)]);
    }
}
