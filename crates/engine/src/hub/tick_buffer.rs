//! The bytes of a tick: rendered once for all subscribers, and patched for the next beat.

use std::any::TypeId;

use smallvec::SmallVec;
use timers::Beat;

/// The bytes of one tick.
///
/// From one beat to the next, mostly nothing changes in them but counters of milliseconds, each by a thousand. The
/// renderer marks where the counters end; then the bytes are patched for the next beat, at a tenth of the cost of
/// rendering.
#[derive(Default)]
pub struct TickBuffer {
    bytes: Vec<u8>,
    /// The end of each counter.
    counters: SmallVec<[u32; 2]>,
    is_patchable: bool,
}

impl TickBuffer {
    /// Returns the bytes, to be appended to.
    pub fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Marks the end of a counter of milliseconds in decimal digits.
    pub fn mark_counter(&mut self, at: usize) {
        debug_assert!(at <= self.bytes.len() && self.bytes[..at].last().is_some_and(u8::is_ascii_digit));
        self.counters.extend(u32::try_from(at));
    }

    /// Declares the bytes patchable: those of the next beat are the same, with every marked counter grown by a
    /// thousand.
    pub fn patchable(&mut self) {
        self.is_patchable = true;
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.counters.clear();
        self.is_patchable = false;
    }

    /// Patches the bytes for the next beat; `false` if that is impossible, and then the bytes are invalid.
    fn patch(&mut self) -> bool {
        self.is_patchable && self.counters.iter().all(|&end| add_thousand(&mut self.bytes, end as usize))
    }
}

/// Adds a thousand to the number that ends at `end`; `false` if the number would need another digit.
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

/// The tick buffers of one view, by the dialect's type and its slot.
#[derive(Default)]
pub(crate) struct TickBuffers(SmallVec<[KeyedBuffer; 1]>);

struct KeyedBuffer {
    key: (TypeId, u8),
    beat: Beat,
    buffer: TickBuffer,
}

impl TickBuffers {
    /// Returns the bytes of a dialect's slot for a beat.
    pub(crate) fn get<D: 'static>(&mut self, slot: u8, beat: Beat, render: impl FnOnce(&mut TickBuffer)) -> &[u8] {
        let key = (TypeId::of::<D>(), slot);
        let at = self.0.iter().position(|keyed| keyed.key == key).unwrap_or_else(|| {
            self.0.push(KeyedBuffer { key, beat: Beat(0), buffer: TickBuffer::default() });
            self.0.len() - 1
        });
        let KeyedBuffer { beat: of, buffer, .. } = &mut self.0[at];
        if *of != beat {
            let is_next = of.0 != 0 && of.0 + 1 == beat.0;
            if !(is_next && buffer.patch()) {
                buffer.clear();
                render(buffer);
            }
            *of = beat;
        }
        &buffer.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct First;
    struct Second;

    fn buffer(buffers: &mut TickBuffers, beat: u64, counts: [u64; 2], rendered: &mut usize) -> String {
        let bytes = buffers.get::<First>(7, Beat(beat), |buffer| {
            *rendered += 1;
            for count in counts {
                buffer.bytes_mut().extend_from_slice(format!("<{count}").as_bytes());
                buffer.mark_counter(buffer.bytes.len());
            }
            buffer.bytes_mut().push(b'>');
            buffer.patchable();
        });
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn counters_are_patched_and_rendered_again_only_when_they_need_another_digit() {
        let mut buffers = TickBuffers::default();
        let mut rendered = 0;
        for first in [0_u64, 7, 999, 1_000, 8_998, 9_000, 99_123, 899_999, 999_999] {
            (buffers, rendered) = (TickBuffers::default(), 0);
            let lengths = (first + 2_999_000).ilog10() - (first + 5_000).ilog10() + 1;
            for beat in 5..3_000 {
                let counts = [first + beat * 1000, 1_767_225_600_000 + beat * 1000];
                let shown = buffer(&mut buffers, beat, counts, &mut rendered);
                assert_eq!(shown, format!("<{}<{}>", counts[0], counts[1]));
            }
            assert_eq!(rendered, lengths as usize, "from {first}");
        }
        let again = buffer(&mut buffers, 2_999, [0, 0], &mut rendered);
        assert!(again.ends_with("000>") && rendered == 1, "one beat is rendered once");
    }

    #[test]
    fn a_counter_below_a_thousand_or_not_of_the_previous_beat_is_rendered_again() {
        let mut buffers = TickBuffers::default();
        let mut rendered = 0;
        assert_eq!(buffer(&mut buffers, 5, [7, 12], &mut rendered), "<7<12>");
        assert_eq!(buffer(&mut buffers, 6, [1_007, 1_012], &mut rendered), "<1007<1012>");
        assert_eq!(buffer(&mut buffers, 8, [3_007, 3_012], &mut rendered), "<3007<3012>");
        assert_eq!(buffer(&mut buffers, 7, [2_007, 2_012], &mut rendered), "<2007<2012>");
        assert_eq!(rendered, 4);
    }

    #[test]
    fn bytes_that_are_not_patchable_are_rendered_at_each_beat() {
        let mut buffers = TickBuffers::default();
        for beat in 5..8_u64 {
            let text = beat.to_string();
            let shown =
                buffers.get::<First>(0, Beat(beat), |buffer| buffer.bytes_mut().extend_from_slice(text.as_bytes()));
            assert_eq!(shown, text.as_bytes());
        }
    }

    #[test]
    fn two_dialects_never_share_bytes() {
        let mut buffers = TickBuffers::default();
        for beat in 5..8 {
            let first = buffers.get::<First>(0, Beat(beat), |buffer| buffer.bytes_mut().extend_from_slice(b"first"));
            assert_eq!(first, b"first");
            let second = buffers.get::<Second>(0, Beat(beat), |buffer| buffer.bytes_mut().extend_from_slice(b"second"));
            assert_eq!(second, b"second");
            assert_eq!(buffers.get::<First>(0, Beat(beat), |_| panic!("rendered twice")), b"first");
        }
    }
}
