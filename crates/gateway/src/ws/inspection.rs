//! What is looked at in a client's bytes before anything else reads them: how many frames there are, and whether texts are
//! UTF-8. Frames that are no message by themselves cost as much to read as others, and a text may be long in coming.

use crate::config::LimitSettings;
use crate::ws::{Bucket, Closing, Payload, Visit, Walk};

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CONTROL: u8 = 0x8;

/// Longest character that may be cut off, less its last byte.
const CUT_MAX: usize = 3;

/// How much of a payload is looked at in one go.
const CHUNK: usize = 256;

/// Looks at a client's bytes.
pub(crate) struct Inspection {
    walk: Walk,
    bucket: Bucket,
    text: Text,
}

/// Follows texts over the frames that they come in.
#[derive(Default)]
struct Text {
    frames: usize,
    /// The message is a text.
    is_text: bool,
    /// The frame is no part of the message.
    is_control: bool,
    /// The beginning of a character that was cut off.
    cut: Vec<u8>,
    is_bad: bool,
}

impl Inspection {
    pub(crate) fn new(limits: &LimitSettings) -> Self {
        Self { walk: Walk::default(), bucket: Bucket::new(limits), text: Text::default() }
    }

    /// For as many messages.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn of(burst: usize) -> Self {
        Self { walk: Walk::default(), bucket: Bucket::of(1, burst), text: Text::default() }
    }

    /// Looks at bytes that came; returns why the client is to be closed, if it is.
    pub(crate) fn look(&mut self, bytes: &[u8]) -> Result<(), Closing> {
        self.text.frames = 0;
        self.walk.pass(bytes, &mut self.text);
        if self.text.frames > 0 && !self.bucket.take(self.text.frames) {
            return Err(Closing::TooManyMessages);
        }
        if self.text.is_bad { Err(Closing::InvalidUtf8) } else { Ok(()) }
    }
}

impl Visit for Text {
    fn head(&mut self, opcode: u8) -> bool {
        self.frames += 1;
        self.is_control = opcode >= CONTROL;
        if opcode == TEXT || opcode == BINARY {
            self.is_text = opcode == TEXT;
            self.cut.clear();
        }
        true
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

impl Text {
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
    fn every_frame_counts() {
        let frames = [frame(0x01, b"a", 0), frame(0x00, b"", 0), frame(0x89, b"", 0), frame(0x80, b"b", 0)].concat();
        assert_eq!(Inspection::of(4).look(&frames), Ok(()));
        assert_eq!(Inspection::of(3).look(&frames), Err(Closing::TooManyMessages));
    }
}
