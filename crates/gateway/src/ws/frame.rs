//! Server frames (RFC 6455 §5.2): never masked, never split, so that one encoding serves every client.

use bytes::{BufMut, Bytes};

const FINAL: u8 = 0x80;
const TEXT: u8 = 0x1;
#[cfg(feature = "conformance")]
const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;

/// Longest payload of a control frame.
const CONTROL_MAX: usize = 125;

/// Frames one behind the other, ready to be written.
#[derive(Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    count: u64,
}

impl Frames {
    /// Appends a text.
    pub(crate) fn text(&mut self, text: &str) {
        self.frame(TEXT, text.as_bytes());
    }

    /// Returns how many there are.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Returns the bytes.
    pub(crate) fn finish(self) -> Bytes {
        self.bytes.into()
    }

    fn frame(&mut self, opcode: u8, payload: &[u8]) {
        put(&mut self.bytes, opcode, payload);
        self.count += 1;
    }
}

/// Appends a frame of one text.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, TEXT, text.as_bytes());
}

fn put(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.reserve(payload.len() + 10);
    out.put_u8(FINAL | opcode);
    match payload.len() {
        length @ ..=125 => out.put_u8(u8::try_from(length).unwrap_or(0)),
        length @ 126..=0xffff => {
            out.put_u8(126);
            out.put_u16(u16::try_from(length).unwrap_or(0));
        }
        length => {
            out.put_u8(127);
            out.put_u64(length as u64);
        }
    }
    out.put_slice(payload);
}

/// Makes a frame of one text.
pub(crate) fn text(text: &str) -> Bytes {
    let mut frames = Frames::default();
    frames.text(text);
    frames.finish()
}

/// Makes a frame of bytes, which no dialect sends.
#[cfg(feature = "conformance")]
pub(crate) fn binary(bytes: &[u8]) -> Bytes {
    let mut frames = Frames::default();
    frames.frame(BINARY, bytes);
    frames.finish()
}

/// Makes a ping.
pub(crate) fn ping() -> Bytes {
    let mut frames = Frames::default();
    frames.frame(PING, &[]);
    frames.finish()
}

/// Tells whether it is a ping.
pub(crate) fn is_ping(frame: &[u8]) -> bool {
    frame.first() == Some(&(FINAL | PING))
}

/// Makes a close frame; a reason that is too long is cut.
pub(crate) fn close(code: u16, reason: &str) -> Bytes {
    let mut payload = code.to_be_bytes().to_vec();
    let cut = reason.floor_char_boundary(CONTROL_MAX - payload.len());
    payload.extend_from_slice(&reason.as_bytes()[..cut]);
    let mut frames = Frames::default();
    frames.frame(CLOSE, &payload);
    frames.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

    fn read(bytes: &Bytes) -> Vec<Message> {
        let stream = std::io::Cursor::new(bytes.to_vec());
        let mut socket = WebSocket::from_raw_socket(stream, Role::Client, None);
        std::iter::from_fn(|| socket.read().ok()).collect()
    }

    #[test]
    fn frames_of_every_length_are_read_as_written() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 200_000] {
            let body = "ä".repeat(length / 2) + &"x".repeat(length % 2);
            let mut frames = Frames::default();
            frames.text(&body);
            frames.text("second");
            assert_eq!(read(&frames.finish()), [Message::text(body), Message::text("second")]);
        }
    }

    #[test]
    fn a_close_frame_carries_code_and_reason_within_its_bounds() {
        let frame = close(1012, &"ä".repeat(200));
        let [Message::Close(Some(closing))] = &read(&frame)[..] else { panic!("a close frame") };
        assert_eq!(u16::from(closing.code), 1012);
        assert_eq!(closing.reason.as_str(), "ä".repeat(61));
    }
}
