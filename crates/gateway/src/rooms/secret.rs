//! Ids that nobody can guess.

/// Digits and letters without those that are taken for others: five bits each.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Letters of a room's id: 80 bits, and short enough to be read to somebody.
const ROOM: usize = 16;

/// Letters of what a member comes back with: 130 bits.
const RESUME: usize = 26;

/// Letters of an id that is no secret: 65 bits.
const PLAIN: usize = 13;

/// Makes up the id of a room.
pub(super) fn room() -> String {
    letters(ROOM)
}

/// Makes up what a member comes back with.
pub(super) fn resume() -> String {
    letters(RESUME)
}

/// Makes up an id that is no secret.
pub(super) fn id() -> String {
    letters(PLAIN)
}

fn letters(count: usize) -> String {
    let mut bytes = vec![0; count];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_all_different_and_use_the_whole_alphabet() {
        let ids: BTreeSet<String> = (0..1000).map(|_| room()).collect();
        assert_eq!(ids.len(), 1000);
        let used: BTreeSet<char> = ids.iter().flat_map(|id| id.chars()).collect();
        assert_eq!((used.len(), room().len(), resume().len(), id().len()), (32, 16, 26, 13));
    }
}
