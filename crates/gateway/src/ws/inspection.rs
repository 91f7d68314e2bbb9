//! What is looked at in a client's bytes before anything else reads them: how many frames there are, how large messages
//! are, and whether texts are UTF-8. Frames that are no message by themselves cost as much to read as others, and a message
//! may be long in coming.

use crate::bucket::Bucket;
use crate::config::LimitSettings;
use crate::ws::{Closing, Payload, Visit, Walk};

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CONTROL: u8 = 0x8;

/// Longest character that may be cut off, less its last byte.
const CUT_MAX: usize = 3;

/// Largest message where no limit is set.
#[cfg(any(test, feature = "fuzzing"))]
const BYTES_MAX: usize = 100_000;

/// How much of a payload is looked at in one go.
const CHUNK: usize = 256;

/// Looks at a client's bytes.
pub(crate) struct Inspection {
    walk: Walk,
    bucket: Bucket,
    messages: Messages,
}

/// Follows messages over the frames that they come in.
struct Messages {
    frames: usize,
    bytes_max: usize,
    /// How large the message is so far.
    bytes: u64,
    /// The message is a text.
    is_text: bool,
    /// The frame is no part of the message.
    is_control: bool,
    /// The beginning of a character that was cut off.
    cut: Vec<u8>,
    is_bad: bool,
}

impl Messages {
    fn new(bytes_max: usize) -> Self {
        Self { frames: 0, bytes_max, bytes: 0, is_text: false, is_control: false, cut: Vec::new(), is_bad: false }
    }
}

impl Inspection {
    pub(crate) fn new(limits: &LimitSettings) -> Self {
        Self { walk: Walk::default(), bucket: limits.bucket(), messages: Messages::new(limits.message_bytes) }
    }

    /// For as many messages, of [`BYTES_MAX`] each.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn of(burst: usize) -> Self {
        Self { walk: Walk::default(), bucket: Bucket::new(1, burst), messages: Messages::new(BYTES_MAX) }
    }

    /// Looks at bytes that came; returns why the client is to be closed, if it is.
    pub(crate) fn look(&mut self, bytes: &[u8]) -> Result<(), Closing> {
        let messages = &mut self.messages;
        messages.frames = 0;
        self.walk.pass(bytes, messages);
        if messages.frames > 0 && !self.bucket.take(messages.frames) {
            return Err(Closing::TooManyMessages);
        }
        if messages.bytes > messages.bytes_max as u64 {
            return Err(Closing::TooLarge(messages.bytes_max));
        }
        if messages.is_bad { Err(Closing::InvalidUtf8) } else { Ok(()) }
    }
}

impl Visit for Messages {
    fn head(&mut self, opcode: u8) -> bool {
        self.frames += 1;
        self.is_control = opcode >= CONTROL;
        if opcode == TEXT || opcode == BINARY {
            self.is_text = opcode == TEXT;
            self.cut.clear();
            self.bytes = 0;
        }
        true
    }

    fn length(&mut self, bytes: u64) {
        if !self.is_control {
            self.bytes = self.bytes.saturating_add(bytes);
        }
    }

    fn payload(&mut self, part: Payload<'_>) {
        if self.is_control || !self.is_text || self.is_bad {
            return;
        }
        let mut bytes = std::mem::take(&mut self.cut);
        for byte in part.unmasked() {
            bytes.push(byte);
            if bytes.len() == CHUNK {
                bytes = self.check(bytes);
            }
        }
        self.cut = self.check(bytes);
    }
}

impl Messages {
    /// Checks a part of a text; returns what is cut off at its end.
    fn check(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let valid = match std::str::from_utf8(&bytes) {
            Ok(_) => bytes.len(),
            Err(error) => {
                self.is_bad = self.is_bad || error.error_len().is_some();
                error.valid_up_to()
            }
        };
        bytes.drain(..valid);
        bytes.truncate(CUT_MAX);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::frame;

    fn look(bytes: &[u8], cut: usize) -> Result<(), Closing> {
        let mut inspection = Inspection::of(1_000_000);
        bytes.chunks(cut).try_for_each(|part| inspection.look(part))
    }

    /// A frame without its last bytes.
    fn frame(first: u8, payload: &[u8], without: usize) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[first, length][..], &payload[..payload.len() - without]].concat()
    }

    #[test]
    fn a_text_that_is_none_is_found_before_its_end_and_a_good_one_never_is() {
        let good = "κόσμε 🍰 ".repeat(5);
        let cake = "🍰".as_bytes();
        let split = [frame(0x01, &cake[..1], 0), frame(0x89, &[0xff], 0), frame(0x80, &cake[1..], 0)].concat();
        let mut long = Vec::new();
        frame::put_text(&mut long, &"é".repeat(5000));
        for cut in [1, 2, 3, 5, 1000] {
            assert_eq!(look(&frame(0x81, good.as_bytes(), 0), cut), Ok(()), "{cut}");
            assert_eq!(look(&split, cut), Ok(()), "a character over two frames with a ping between, {cut}");
            assert_eq!(look(&long, cut), Ok(()), "{cut}");
            assert_eq!(look(&frame(0x82, &[0xff, 0xfe], 0), cut), Ok(()), "bytes may be anything");
            for bad in [&b"a\xff"[..], b"\xce\x61", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80"] {
                let text = [bad, b"and more that never comes"].concat();
                assert_eq!(look(&frame(0x81, &text, 20), cut), Err(Closing::InvalidUtf8), "{bad:?} {cut}");
            }
        }
    }

    #[test]
    fn a_message_that_is_too_large_is_known_by_its_heads() {
        let part = vec![b'x'; BYTES_MAX / 2];
        let mut whole = Vec::new();
        frame::put_text(&mut whole, &"x".repeat(BYTES_MAX));
        assert_eq!(look(&[whole.clone(), whole.clone()].concat(), 1000), Ok(()));
        whole.clear();
        frame::put_text(&mut whole, &"x".repeat(BYTES_MAX + 1));
        assert_eq!(look(&whole[..10], 1), Err(Closing::TooLarge(BYTES_MAX)));
        let long = |first: u8| [&[first, 127][..], &(part.len() as u64).to_be_bytes(), &part].concat();
        assert_eq!(look(&[long(0x01), frame(0x89, b"ping", 0), long(0x80)].concat(), 7), Ok(()));
        assert_eq!(
            look(&[long(0x01), long(0x00), frame(0x80, b"y", 0)].concat(), 7),
            Err(Closing::TooLarge(BYTES_MAX))
        );
        assert_eq!(look(&[0x82, 0x7f, 255, 255, 255, 255, 255, 255, 255, 255], 3), Err(Closing::TooLarge(BYTES_MAX)));
    }

    #[test]
    fn every_frame_counts() {
        let frames = [frame(0x01, b"a", 0), frame(0x00, b"", 0), frame(0x89, b"", 0), frame(0x80, b"b", 0)].concat();
        assert_eq!(Inspection::of(4).look(&frames), Ok(()));
        assert_eq!(Inspection::of(3).look(&frames), Err(Closing::TooManyMessages));
    }
}
