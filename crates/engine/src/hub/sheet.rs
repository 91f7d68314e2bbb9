//! What is rendered of a beat, once for all who are shown it, and moved on to the next.

use smallvec::SmallVec;
use timers::Beat;

/// Bytes rendered for one beat.
///
/// From one beat to the next mostly nothing changes in them but counts of milliseconds, by a thousand. Who renders
/// says where these end; then the next beat's bytes are had by moving them on, which costs a tenth of rendering.
#[derive(Default)]
pub struct Sheet {
    bytes: Vec<u8>,
    /// Where each count ends.
    counts: SmallVec<[u32; 2]>,
    moves: bool,
}

impl Sheet {
    /// Returns the bytes, to be added to.
    pub fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Notes that a count of milliseconds, in decimal digits, ends here.
    pub fn ends_count(&mut self, at: usize) {
        debug_assert!(at <= self.bytes.len() && self.bytes[..at].last().is_some_and(u8::is_ascii_digit));
        self.counts.extend(u32::try_from(at));
    }

    /// Promises that the next beat's bytes are these, with every count grown by a thousand.
    pub fn moves(&mut self) {
        self.moves = true;
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.counts.clear();
        self.moves = false;
    }

    /// Makes these the bytes of the next beat; tells whether that could be done. If not they are of no use.
    fn move_on(&mut self) -> bool {
        self.moves && self.counts.iter().all(|&end| add_thousand(&mut self.bytes, end as usize))
    }
}

/// Adds a thousand to the number that ends at `end`, unless it has to become longer.
fn add_thousand(bytes: &mut [u8], end: usize) -> bool {
    let Some(digits) = bytes.get_mut(..end.saturating_sub(3)) else { return false };
    for digit in digits.iter_mut().rev() {
        match digit {
            b'9' => *digit = b'0',
            b'0'..=b'8' => {
                *digit += 1;
                return true;
            }
            _ => return false,
        }
    }
    false
}

/// The sheets of one view, by kind.
#[derive(Default)]
pub(crate) struct Sheets(SmallVec<[(u8, Beat, Sheet); 1]>);

impl Sheets {
    /// Returns what is rendered of a kind for a beat.
    pub(crate) fn get(&mut self, kind: u8, beat: Beat, render: impl FnOnce(&mut Sheet)) -> &[u8] {
        let place = self.0.iter().position(|(other, ..)| *other == kind).unwrap_or_else(|| {
            self.0.push((kind, Beat(0), Sheet::default()));
            self.0.len() - 1
        });
        let (_, of, sheet) = &mut self.0[place];
        if *of != beat {
            let is_next = of.0 != 0 && of.0 + 1 == beat.0;
            if !(is_next && sheet.move_on()) {
                sheet.clear();
                render(sheet);
            }
            *of = beat;
        }
        &sheet.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(sheets: &mut Sheets, beat: u64, counts: [u64; 2], rendered: &mut usize) -> String {
        let bytes = sheets.get(7, Beat(beat), |sheet| {
            *rendered += 1;
            for count in counts {
                sheet.bytes_mut().extend_from_slice(format!("<{count}").as_bytes());
                sheet.ends_count(sheet.bytes.len());
            }
            sheet.bytes_mut().push(b'>');
            sheet.moves();
        });
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn counts_are_moved_on_and_rendered_again_only_where_they_grow_longer() {
        let mut sheets = Sheets::default();
        let mut rendered = 0;
        for first in [0_u64, 7, 999, 1_000, 8_998, 9_000, 99_123, 899_999, 999_999] {
            (sheets, rendered) = (Sheets::default(), 0);
            let lengths = (first + 2_999_000).ilog10() - (first + 5_000).ilog10() + 1;
            for beat in 5..3_000 {
                let counts = [first + beat * 1000, 1_767_225_600_000 + beat * 1000];
                let shown = sheet(&mut sheets, beat, counts, &mut rendered);
                assert_eq!(shown, format!("<{}<{}>", counts[0], counts[1]));
            }
            assert_eq!(rendered, lengths as usize, "from {first}");
        }
        let again = sheet(&mut sheets, 2_999, [0, 0], &mut rendered);
        assert!(again.ends_with("000>") && rendered == 1, "one beat is rendered once");
    }

    #[test]
    fn what_is_too_short_to_grow_by_a_thousand_or_not_of_the_beat_before_is_rendered_again() {
        let mut sheets = Sheets::default();
        let mut rendered = 0;
        assert_eq!(sheet(&mut sheets, 5, [7, 12], &mut rendered), "<7<12>");
        assert_eq!(sheet(&mut sheets, 6, [1_007, 1_012], &mut rendered), "<1007<1012>");
        assert_eq!(sheet(&mut sheets, 8, [3_007, 3_012], &mut rendered), "<3007<3012>");
        assert_eq!(sheet(&mut sheets, 7, [2_007, 2_012], &mut rendered), "<2007<2012>");
        assert_eq!(rendered, 4);
    }

    #[test]
    fn what_does_not_move_is_rendered_at_each_beat() {
        let mut sheets = Sheets::default();
        for beat in 5..8_u64 {
            let text = beat.to_string();
            let shown = sheets.get(0, Beat(beat), |sheet| sheet.bytes_mut().extend_from_slice(text.as_bytes()));
            assert_eq!(shown, text.as_bytes());
        }
    }
}
