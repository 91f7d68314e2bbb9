//! The stored value of a history row, which is part of the storage format of every adapter.
//!
//! A row without terms is stored as its body alone. A row with terms has a header before its body, so that a commit that
//! replaces or deletes the row finds its entries in the index of terms:
//!
//! ```text
//! 1 (byte) · instant (8 bytes, big endian) · number of terms (byte) · for each term: length (byte), text
//! ```
//!
//! Bodies are JSON, so none begins with the byte 1. One that does is stored with a header of no terms.

use bytes::{BufMut, Bytes, BytesMut};
use timers::{HistoryId, IndexTerm, Timestamp};

use crate::store::{ArchivedRow, Fault, FaultKind};

/// The first byte of a value with a header.
const HEADER: u8 = 1;

/// Bytes of a header without terms.
const FIXED: usize = 1 + 8 + 1;

impl ArchivedRow {
    /// Returns the stored value. A row without terms costs no copy.
    ///
    /// # Panics
    /// If a term is longer than 255 bytes, which [`IndexTerm`] excludes.
    pub fn value(&self) -> Bytes {
        if !self.has_header() {
            return self.body.clone();
        }
        let mut value = BytesMut::with_capacity(self.value_len());
        value.put_u8(HEADER);
        value.put_u64(self.at.0);
        value.put_u8(byte(self.terms.len()));
        for term in &self.terms {
            value.put_u8(byte(term.as_str().len()));
            value.put_slice(term.as_str().as_bytes());
        }
        value.put_slice(&self.body);
        value.freeze()
    }

    /// Returns the length of the stored value.
    pub fn value_len(&self) -> usize {
        let terms: usize = self.terms.iter().map(|term| 1 + term.as_str().len()).sum();
        self.body.len() + if self.has_header() { FIXED + terms } else { 0 }
    }

    /// Reads a stored value.
    ///
    /// # Errors
    /// [`FaultKind::Damaged`] if the header is cut or has a bad term.
    pub fn from_value(id: HistoryId, at: Timestamp, value: Bytes) -> Result<Self, Fault> {
        let damaged = || Fault::new(FaultKind::Damaged, format!("the history row {id} can't be decoded"));
        let (terms, header) = header(&value).ok_or_else(damaged)?;
        Ok(Self { id, at, body: value.slice(header..), terms })
    }

    /// Tells whether a stored value has a term and the instant. The entries of an index belong to such rows alone.
    pub fn is_indexed(value: &[u8], at: Timestamp, term: &IndexTerm) -> bool {
        value.get(1..FIXED - 1) == Some(&at.0.to_be_bytes()[..]) && Self::terms_of(value).contains(term)
    }

    /// Returns the terms of a stored value; none if it is damaged.
    pub fn terms_of(value: &[u8]) -> Vec<IndexTerm> {
        header(value).map(|(terms, _)| terms).unwrap_or_default()
    }

    fn has_header(&self) -> bool {
        !self.terms.is_empty() || self.body.first() == Some(&HEADER)
    }
}

fn byte(length: usize) -> u8 {
    u8::try_from(length).expect("terms are few and short")
}

/// Returns the terms of a value and the length of its header; `None` if the header is damaged.
fn header(value: &[u8]) -> Option<(Vec<IndexTerm>, usize)> {
    if value.first() != Some(&HEADER) {
        return Some((Vec::new(), 0));
    }
    let (fixed, mut rest) = value.split_at_checked(FIXED)?;
    let count = *fixed.last()?;
    let mut terms = Vec::with_capacity(count.into());
    for _ in 0..count {
        let (length, after) = rest.split_first()?;
        let (text, after) = after.split_at_checked(usize::from(*length))?;
        terms.push(IndexTerm::new(std::str::from_utf8(text).ok()?).ok()?);
        rest = after;
    }
    Some((terms, value.len() - rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(terms: &[&str], body: &'static [u8]) -> ArchivedRow {
        let terms = terms.iter().map(|term| IndexTerm::new(term).unwrap()).collect();
        ArchivedRow { id: HistoryId::new("entry:1").unwrap(), at: Timestamp(258), body: body.into(), terms }
    }

    #[test]
    fn a_row_is_read_back_and_costs_nothing_without_terms() {
        let long = "x".repeat(64);
        let eight = ["a", "b", "c", "d", "e", "f", "g", long.as_str()];
        for (terms, body) in [
            (&[][..], &b"{}"[..]),
            (&[], b""),
            (&[], b"\x01{}"),
            (&["session:12", "\u{e4}"], b"{}"),
            (&["a"], b""),
            (&eight, b"\x01\x02"),
        ] {
            let row = row(terms, body);
            let value = row.value();
            assert_eq!(value.len(), row.value_len());
            assert_eq!(ArchivedRow::from_value(row.id.clone(), row.at, value).unwrap(), row);
        }
        assert_eq!(row(&[], b"{}").value(), b"{}"[..]);
        let value = row(&["s:1", "t"], b"{}").value();
        for (at, term, expected) in [(258, "t", true), (258, "s:1", true), (257, "t", false), (258, "s", false)] {
            assert_eq!(ArchivedRow::is_indexed(&value, Timestamp(at), &IndexTerm::new(term).unwrap()), expected);
        }
        let value = row(&["s:1", "t"], b"{}").value();
        assert_eq!(value, b"\x01\0\0\0\0\0\0\x01\x02\x02\x03s:1\x01t{}"[..], "part of the storage format");
    }

    #[test]
    fn a_damaged_header_is_a_fault() {
        let row = row(&["session:12", "b"], b"");
        let value = row.value();
        for length in 1..value.len() {
            let cut = ArchivedRow::from_value(row.id.clone(), row.at, value.slice(..length));
            assert_eq!(cut.unwrap_err().kind(), FaultKind::Damaged, "{length}");
        }
        let empty_term = Bytes::from_static(b"\x01\0\0\0\0\0\0\0\0\x01\0{}");
        assert!(ArchivedRow::from_value(row.id, row.at, empty_term).is_err());
    }
}
