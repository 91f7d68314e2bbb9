//! Random ids that are impossible to guess.

/// Digits and letters without those that look like others: five bits each.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Letters of a room's id: 80 bits, and short enough to be read out.
const ROOM_LETTERS: usize = 16;

/// Letters of a resume secret: 130 bits.
const SECRET_LETTERS: usize = 26;

/// Letters of an id that is not a secret: 65 bits.
const PLAIN_LETTERS: usize = 13;

/// Returns a new id of a room.
pub(crate) fn room() -> String {
    letters(ROOM_LETTERS)
}

/// Returns a new resume secret.
pub(crate) fn resume_secret() -> String {
    letters(SECRET_LETTERS)
}

/// Returns a new id that is not a secret.
pub(crate) fn plain() -> String {
    letters(PLAIN_LETTERS)
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
        assert_eq!((used.len(), room().len(), resume_secret().len(), plain().len()), (32, 16, 26, 13));
    }
}
