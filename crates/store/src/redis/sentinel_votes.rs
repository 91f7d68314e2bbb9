//! Which primary to use, by the answers of the sentinels.

use std::collections::BTreeMap;

use crate::redis::slot_owners::Address;

/// What one sentinel says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The sentinel's own id, or its address if it does not tell the id.
    pub(crate) id: String,
    pub(crate) primary: Address,
    /// The number of the failover that made it the primary; it grows with each failover.
    pub(crate) epoch: Option<u64>,
    /// The other sentinels that it knows.
    pub(crate) others: Option<Vec<Address>>,
}

/// A primary, and the latest failover that the sentinels tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedPrimary {
    pub(crate) address: Address,
    pub(crate) epoch: Option<u64>,
}

/// The answers of all sentinels that answer.
pub(crate) struct Votes<'a> {
    /// By the sentinels' ids: a sentinel may have several addresses.
    answers: BTreeMap<&'a str, &'a Answer>,
    /// The number of sentinels, including those that do not answer.
    pub(crate) known: usize,
}

impl<'a> Votes<'a> {
    /// Counts answers. `configured` is the number of configured sentinels, for answers that do not name the others.
    pub(crate) fn of(answers: impl IntoIterator<Item = &'a Answer>, configured: usize) -> Self {
        let answers: BTreeMap<&str, &Answer> = answers.into_iter().map(|answer| (answer.id.as_str(), answer)).collect();
        let known = answers.values().map(|answer| answer.others.as_ref().map_or(configured, |others| others.len() + 1));
        let known = known.max().unwrap_or(configured).max(answers.len());
        Self { answers, known }
    }

    /// Returns the number of sentinels that answer.
    pub(crate) fn answering(&self) -> usize {
        self.answers.len()
    }

    /// Tells whether the sentinels that answer are a majority.
    pub(crate) fn is_majority(&self) -> bool {
        2 * self.answering() > self.known
    }

    /// Tells whether a sentinel names another primary than the one in use.
    pub(crate) fn differ_from(&self, in_use: Option<&NamedPrimary>) -> bool {
        self.answers.values().any(|answer| in_use.is_none_or(|in_use| in_use.address != answer.primary))
    }

    /// Returns the primary to use instead of the one in use.
    ///
    /// A majority replaces a primary that works. Fewer sentinels replace one that does not, if they know of a later
    /// failover: only a failover that was authorised has a greater number. A majority that has not learned of it yet does
    /// not revert that. At the start, the latest failover counts.
    pub(crate) fn replacement(&self, in_use: Option<&NamedPrimary>, is_usable: bool) -> Option<NamedPrimary> {
        let candidates = self.candidates();
        let is_other = |primary: &NamedPrimary| in_use.is_none_or(|in_use| in_use.address != primary.address);
        let is_later = |primary: &NamedPrimary| in_use.is_none_or(|in_use| in_use.epoch < primary.epoch);
        // The numbers start again when the sentinels are told to monitor another primary.
        let is_named = in_use.is_some_and(|in_use| candidates.iter().any(|(named, _)| named.address == in_use.address));
        let is_earlier = |primary: &NamedPrimary| in_use.is_some_and(|in_use| primary.epoch < in_use.epoch);
        let has_majority = |primary: &NamedPrimary, votes: usize| {
            2 * votes > self.known && is_other(primary) && !(is_named && is_earlier(primary))
        };
        let majority = candidates.iter().find(|(primary, votes)| has_majority(primary, *votes));
        if majority.is_some() || is_usable {
            return majority.map(|(primary, _)| primary.clone());
        }
        let latest = candidates.into_iter().max_by_key(|(primary, votes)| (primary.epoch, *votes));
        latest.map(|(primary, _)| primary).filter(|primary| is_other(primary) && is_later(primary))
    }

    /// Returns each named primary with its votes.
    fn candidates(&self) -> Vec<(NamedPrimary, usize)> {
        let mut candidates: BTreeMap<&Address, (Option<u64>, usize)> = BTreeMap::new();
        for answer in self.answers.values() {
            let (epoch, votes) = candidates.entry(&answer.primary).or_default();
            *epoch = (*epoch).max(answer.epoch);
            *votes += 1;
        }
        let primary = |address: &Address, epoch| NamedPrimary { address: address.clone(), epoch };
        candidates.into_iter().map(|(address, (epoch, votes))| (primary(address, epoch), votes)).collect()
    }

    /// Returns the latest failover that made `address` the primary.
    pub(crate) fn epoch_of(&self, address: &Address) -> Option<u64> {
        self.answers.values().filter(|answer| answer.primary == *address).map(|answer| answer.epoch).max().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: u16 = 1;
    const NEW: u16 = 2;

    fn at(port: u16) -> Address {
        Address { host: "10.0.0.1".to_owned(), port }
    }

    fn primary(port: u16, epoch: u64) -> NamedPrimary {
        NamedPrimary { address: at(port), epoch: Some(epoch) }
    }

    /// Answers of three sentinels that know each other, as pairs of the primary's port and the epoch.
    fn answers(named: &[(u16, u64)]) -> Vec<Answer> {
        let answer = |(nth, &(port, epoch)): (usize, &(u16, u64))| Answer {
            id: nth.to_string(),
            primary: at(port),
            epoch: Some(epoch),
            others: Some(vec![at(11), at(12)]),
        };
        named.iter().enumerate().map(answer).collect()
    }

    fn check(named: &[(u16, u64)], in_use: Option<NamedPrimary>, is_usable: bool, expected: Option<u16>) {
        let answers = answers(named);
        let replacement = Votes::of(&answers, 3).replacement(in_use.as_ref(), is_usable);
        assert_eq!(replacement.map(|primary| primary.address), expected.map(at), "{named:?} {in_use:?} {is_usable}");
    }

    #[test]
    fn a_majority_of_the_known_sentinels_replaces_a_primary_that_works() {
        check(&[(NEW, 1), (NEW, 1), (OLD, 0)], Some(primary(OLD, 0)), true, Some(NEW));
        check(&[(NEW, 1), (OLD, 0), (OLD, 0)], Some(primary(OLD, 0)), true, None);
        check(&[(NEW, 1)], Some(primary(OLD, 0)), true, None);
        check(&[(OLD, 0), (OLD, 0), (OLD, 0)], Some(primary(OLD, 0)), true, None);
        check(&[], Some(primary(OLD, 0)), true, None);
    }

    #[test]
    fn one_sentinel_that_knows_of_a_later_failover_replaces_a_primary_that_does_not_work() {
        check(&[(NEW, 1)], Some(primary(OLD, 0)), false, Some(NEW));
        check(&[(NEW, 1), (OLD, 0), (OLD, 0)], Some(primary(OLD, 0)), false, Some(NEW));
        check(&[(OLD, 0)], Some(primary(NEW, 1)), false, None);
        check(&[(OLD, 0), (NEW, 1)], Some(primary(NEW, 1)), false, None);
    }

    #[test]
    fn a_majority_that_does_not_know_of_a_failover_yet_does_not_revert_it() {
        for is_usable in [true, false] {
            check(&[(OLD, 0), (OLD, 0), (NEW, 1)], Some(primary(NEW, 1)), is_usable, None);
        }
    }

    #[test]
    fn sentinels_that_monitor_another_primary_anew_are_followed() {
        check(&[(NEW, 0), (NEW, 0), (NEW, 0)], Some(primary(OLD, 5)), true, Some(NEW));
    }

    #[test]
    fn the_latest_failover_counts_at_the_start() {
        check(&[], None, false, None);
        check(&[(OLD, 0)], None, false, Some(OLD));
        check(&[(OLD, 3), (NEW, 4)], None, false, Some(NEW));
        check(&[(OLD, 0), (OLD, 0), (NEW, 0)], None, false, Some(OLD));
    }

    #[test]
    fn a_sentinel_with_two_addresses_has_one_vote() {
        let mut answers = answers(&[(NEW, 1), (NEW, 1)]);
        answers[1].id = answers[0].id.clone();
        assert_eq!(Votes::of(&answers, 3).replacement(Some(&primary(OLD, 0)), true), None);
    }

    #[test]
    fn the_configured_sentinels_count_if_no_others_are_named() {
        let mut answers = answers(&[(NEW, 1), (NEW, 1)]);
        answers.iter_mut().for_each(|answer| answer.others = None);
        assert_eq!(Votes::of(&answers, 4).replacement(Some(&primary(OLD, 0)), true), None);
        assert!(Votes::of(&answers, 3).replacement(Some(&primary(OLD, 0)), true).is_some());
    }
}
