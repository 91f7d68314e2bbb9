//! Finds signals among a client's frames before they are parsed.

use crate::limits::SignalTexts;
use crate::websocket::PayloadChunk;

/// What is known about the frame that is being received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignalMatch {
    /// More of the frame must be received.
    Undecided,
    /// It is a signal.
    Signal,
    /// It is none.
    Other,
}

/// Compares the payload of one text frame after another with the texts of signals, however they are split into reads.
pub(crate) struct SignalMatcher {
    texts: &'static [&'static str],
    /// A bit for each text that has the length of the frame and begins as it does.
    candidates: u32,
    length: u64,
    offset: usize,
}

impl SignalMatcher {
    /// Makes a matcher; `None` if there are no signals.
    pub(crate) fn new(texts: SignalTexts) -> Option<Self> {
        let texts = texts.as_slice();
        (!texts.is_empty()).then_some(Self { texts, candidates: 0, length: 0, offset: 0 })
    }

    /// Begins a frame whose payload has this length.
    pub(crate) fn begin(&mut self, length: u64) -> SignalMatch {
        (self.length, self.offset, self.candidates) = (length, 0, 0);
        for (nth, text) in self.texts.iter().enumerate() {
            self.candidates |= u32::from(text.len() as u64 == length) << nth;
        }
        if self.candidates == 0 { SignalMatch::Other } else { SignalMatch::Undecided }
    }

    /// Compares the next part of the payload.
    pub(crate) fn compare(&mut self, chunk: &PayloadChunk<'_>) -> SignalMatch {
        for byte in chunk.unmasked() {
            for (nth, text) in self.texts.iter().enumerate() {
                let matches = text.as_bytes().get(self.offset) == Some(&byte);
                self.candidates &= !(u32::from(!matches) << nth);
            }
            self.offset += 1;
            if self.candidates == 0 {
                return SignalMatch::Other;
            }
        }
        if self.offset as u64 == self.length { SignalMatch::Signal } else { SignalMatch::Undecided }
    }
}
