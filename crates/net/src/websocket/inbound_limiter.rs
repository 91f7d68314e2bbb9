//! Checks a client's bytes before they are parsed: the number of frames, the size of messages, and whether texts are
//! UTF-8. A frame that is not a whole message costs as much to parse as another, and a message may take long to arrive.

use crate::limits::{ConnectionLimits, TokenBucket};
use crate::websocket::{CloseReason, FrameScanner, FrameVisitor, PayloadChunk, SignalMatch, SignalMatcher};

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CONTROL: u8 = 0x8;

/// Longest incomplete character: the longest character without its last byte.
const INCOMPLETE_MAX: usize = 3;

/// Largest message where no limit is set.
#[cfg(any(test, feature = "fuzzing"))]
const MESSAGE_BYTES: usize = 100_000;

/// Bytes of a payload that are checked in one step.
const CHUNK: usize = 256;

/// Enforces the limits of a connection on a client's bytes.
pub(crate) struct InboundLimiter {
    scanner: FrameScanner,
    bucket: TokenBucket,
    messages: MessageChecker,
}

/// Follows messages over the frames that carry them.
struct MessageChecker {
    /// The frames that count. A text frame counts when it is known to be no signal.
    frames: usize,
    /// Boxed, because most systems have none.
    signals: Option<Box<SignalMatcher>>,
    /// The current frame may be a signal.
    may_be_signal: bool,
    max_bytes: usize,
    /// Size of the current message so far.
    bytes: u64,
    /// The current message is a text.
    is_text: bool,
    /// The current frame is a control frame and not part of the message.
    is_control: bool,
    /// More frames of the current message follow.
    is_fragmented: bool,
    /// The incomplete character at the end of the last part.
    incomplete: IncompleteCharacter,
    is_invalid: bool,
}

/// The first bytes of a character.
#[derive(Clone, Copy, Default)]
struct IncompleteCharacter {
    bytes: [u8; INCOMPLETE_MAX],
    length: u8,
}

impl MessageChecker {
    fn new(limits: &ConnectionLimits) -> Self {
        Self {
            frames: 0,
            signals: SignalMatcher::new(limits.signals).map(Box::new),
            may_be_signal: false,
            max_bytes: limits.message_bytes,
            bytes: 0,
            is_text: false,
            is_control: false,
            is_fragmented: false,
            incomplete: IncompleteCharacter::default(),
            is_invalid: false,
        }
    }
}

impl InboundLimiter {
    pub(crate) fn new(limits: &ConnectionLimits) -> Self {
        Self { scanner: FrameScanner::default(), bucket: limits.token_bucket(), messages: MessageChecker::new(limits) }
    }

    /// Creates a limiter for a burst of messages of at most [`MESSAGE_BYTES`] each.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn with_burst(burst: usize) -> Self {
        Self::new(&Self::limits(burst))
    }

    #[cfg(any(test, feature = "fuzzing"))]
    fn limits(burst: usize) -> ConnectionLimits {
        let signals = crate::limits::SignalTexts::NONE;
        ConnectionLimits { messages_per_second: 1, message_burst: burst, message_bytes: MESSAGE_BYTES, signals }
    }

    /// Returns the size of the largest message.
    pub(crate) fn message_bytes(&self) -> usize {
        self.messages.max_bytes
    }

    /// Returns whether the bytes so far end with a message.
    pub(crate) fn is_between_messages(&self) -> bool {
        self.scanner.is_between_frames() && !self.messages.is_fragmented
    }

    /// Checks received bytes.
    ///
    /// # Errors
    /// The reason to close the socket.
    pub(crate) fn check(&mut self, bytes: &[u8]) -> Result<(), CloseReason> {
        let messages = &mut self.messages;
        messages.frames = 0;
        self.scanner.scan(bytes, messages);
        if messages.frames > 0 && !self.bucket.take(messages.frames) {
            return Err(CloseReason::TooManyMessages);
        }
        if messages.bytes > messages.max_bytes as u64 {
            return Err(CloseReason::TooLarge(messages.max_bytes));
        }
        if messages.is_invalid { Err(CloseReason::InvalidUtf8) } else { Ok(()) }
    }
}

impl FrameVisitor for MessageChecker {
    fn frame_start(&mut self, opcode: u8) -> bool {
        self.may_be_signal = opcode == TEXT && self.signals.is_some();
        if !self.may_be_signal {
            self.frames += 1;
        }
        self.is_control = opcode >= CONTROL;
        if opcode == TEXT || opcode == BINARY {
            self.is_text = opcode == TEXT;
            self.incomplete = IncompleteCharacter::default();
            self.bytes = 0;
        }
        true
    }

    fn fin(&mut self, is_final: bool) {
        if !self.is_control {
            self.is_fragmented = !is_final;
        }
    }

    fn length(&mut self, bytes: u64) {
        if self.may_be_signal {
            self.match_signal(|matcher| matcher.begin(bytes));
        }
        if !self.is_control {
            self.bytes = self.bytes.saturating_add(bytes);
        }
    }

    fn payload(&mut self, chunk: PayloadChunk<'_>) {
        if self.may_be_signal {
            self.match_signal(|matcher| matcher.compare(&chunk));
        }
        if self.is_control || !self.is_text || self.is_invalid {
            return;
        }
        let mut bytes = [0; CHUNK];
        let IncompleteCharacter { bytes: first, length } = self.incomplete;
        let mut length = usize::from(length);
        bytes[..length].copy_from_slice(&first[..length]);
        for byte in chunk.unmasked() {
            bytes[length] = byte;
            length += 1;
            if length == CHUNK {
                length = self.check_utf8(&mut bytes);
            }
        }
        length = self.check_utf8(&mut bytes[..length]);
        self.incomplete.bytes[..length].copy_from_slice(&bytes[..length]);
        self.incomplete.length = length as u8;
    }
}

impl MessageChecker {
    /// Continues to compare the current frame with the signals, and counts it if it is none.
    fn match_signal(&mut self, compare: impl FnOnce(&mut SignalMatcher) -> SignalMatch) {
        match self.signals.as_deref_mut().map_or(SignalMatch::Other, compare) {
            SignalMatch::Undecided => {}
            SignalMatch::Signal => self.may_be_signal = false,
            SignalMatch::Other => {
                self.may_be_signal = false;
                self.frames += 1;
            }
        }
    }

    /// Checks a part of a text. Moves the incomplete character at its end to its start, and returns the length of it.
    fn check_utf8(&mut self, bytes: &mut [u8]) -> usize {
        let Err(error) = std::str::from_utf8(bytes) else { return 0 };
        self.is_invalid = self.is_invalid || error.error_len().is_some();
        let valid = error.valid_up_to();
        let incomplete = (bytes.len() - valid).min(INCOMPLETE_MAX);
        bytes.copy_within(valid..valid + incomplete, 0);
        incomplete
    }
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

    use super::*;
    use crate::limits::SignalTexts;
    use crate::websocket::frame;

    fn check(bytes: &[u8], size: usize) -> Result<(), CloseReason> {
        let mut limiter = InboundLimiter::with_burst(1_000_000);
        bytes.chunks(size).try_for_each(|part| limiter.check(part))
    }

    /// A frame without its last bytes.
    fn frame(first: u8, payload: &[u8], without: usize) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[first, length][..], &payload[..payload.len() - without]].concat()
    }

    #[test]
    fn an_invalid_text_is_found_before_its_end_and_a_valid_one_passes() {
        let good = "κόσμε 🍰 ".repeat(5);
        let cake = "🍰".as_bytes();
        let split = [frame(0x01, &cake[..1], 0), frame(0x89, &[0xff], 0), frame(0x80, &cake[1..], 0)].concat();
        let mut long = Vec::new();
        frame::put_text(&mut long, &"é".repeat(5000));
        for size in [1, 2, 3, 5, 1000] {
            assert_eq!(check(&frame(0x81, good.as_bytes(), 0), size), Ok(()), "{size}");
            assert_eq!(check(&split, size), Ok(()), "a character split over two frames with a ping between, {size}");
            assert_eq!(check(&long, size), Ok(()), "{size}");
            assert_eq!(check(&frame(0x82, &[0xff, 0xfe], 0), size), Ok(()), "bytes may be anything");
            for bad in [&b"a\xff"[..], b"\xce\x61", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80"] {
                let text = [bad, b"and more that never comes"].concat();
                assert_eq!(check(&frame(0x81, &text, 20), size), Err(CloseReason::InvalidUtf8), "{bad:?} {size}");
            }
        }
    }

    #[test]
    fn a_message_that_is_too_large_is_found_by_its_frame_headers() {
        let part = vec![b'x'; MESSAGE_BYTES / 2];
        let mut whole = Vec::new();
        frame::put_text(&mut whole, &"x".repeat(MESSAGE_BYTES));
        assert_eq!(check(&[whole.clone(), whole.clone()].concat(), 1000), Ok(()));
        whole.clear();
        frame::put_text(&mut whole, &"x".repeat(MESSAGE_BYTES + 1));
        assert_eq!(check(&whole[..10], 1), Err(CloseReason::TooLarge(MESSAGE_BYTES)));
        let long = |first: u8| [&[first, 127][..], &(part.len() as u64).to_be_bytes(), &part].concat();
        assert_eq!(check(&[long(0x01), frame(0x89, b"ping", 0), long(0x80)].concat(), 7), Ok(()));
        assert_eq!(
            check(&[long(0x01), long(0x00), frame(0x80, b"y", 0)].concat(), 7),
            Err(CloseReason::TooLarge(MESSAGE_BYTES))
        );
        assert_eq!(
            check(&[0x82, 0x7f, 255, 255, 255, 255, 255, 255, 255, 255], 3),
            Err(CloseReason::TooLarge(MESSAGE_BYTES))
        );
    }

    /// A limiter for a burst of messages, and of any number of signals.
    fn with_signals(burst: usize) -> InboundLimiter {
        const SIGNALS: SignalTexts = SignalTexts::new(&[r#"{"type":"moved"}"#, r#"{"type": "moved"}"#, "m"]);
        InboundLimiter::new(&ConnectionLimits { signals: SIGNALS, ..InboundLimiter::limits(burst) })
    }

    #[test]
    fn signals_do_not_count_however_they_are_split_and_all_other_frames_do() {
        let moved = [r#"{"type":"moved"}"#, r#"{"type": "moved"}"#, "m"].map(|text| frame(0x81, text.as_bytes(), 0));
        let mut masked = Vec::new();
        let mut of_client = Frame::message(r#"{"type":"moved"}"#, OpCode::Data(Data::Text), true);
        of_client.header_mut().mask = Some([7, 0, 255, 0x22]);
        of_client.format(&mut masked).unwrap();
        let signals = [moved.concat(), masked].concat().repeat(100);
        let others = [
            frame(0x81, br#"{"type":"movee"}"#, 0),
            frame(0x81, br#"{"type":"moved"} "#, 0),
            frame(0x81, b"x", 0),
            frame(0x81, b"", 0),
            frame(0x82, b"m", 0),
            frame(0x89, b"m", 0),
            // A text in two frames, of which the first looks like a signal.
            [frame(0x01, b"m", 0), frame(0x80, b"m", 0)].concat(),
        ];
        for size in [1, 2, 7, 1024] {
            let check = |limiter: &mut InboundLimiter, bytes: &[u8]| {
                bytes.chunks(size).try_for_each(|part| limiter.check(part))
            };
            for other in &others {
                let mut limiter = with_signals(1);
                let all = [&signals[..], other, &signals].concat();
                assert_eq!(check(&mut limiter, &all), Ok(()), "one message among signals, {size}");
                assert_eq!(check(&mut limiter, other), Err(CloseReason::TooManyMessages), "{other:?} {size}");
            }
        }
    }

    #[test]
    fn every_frame_counts() {
        let frames = [frame(0x01, b"a", 0), frame(0x00, b"", 0), frame(0x89, b"", 0), frame(0x80, b"b", 0)].concat();
        assert_eq!(InboundLimiter::with_burst(4).check(&frames), Ok(()));
        assert_eq!(InboundLimiter::with_burst(3).check(&frames), Err(CloseReason::TooManyMessages));
    }
}
