//! Encodes server frames (RFC 6455 §5.2). They are never masked and never fragmented, so that one encoding serves every
//! client.

use bytes::{BufMut, Bytes};

const FINAL: u8 = 0x80;
const TEXT: u8 = 0x1;
#[cfg(feature = "conformance")]
const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;

/// Longest payload of a control frame.
const CONTROL_MAX: usize = 125;

/// A sequence of encoded frames, ready to be written.
#[derive(Default)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    count: u64,
}

impl FrameBuffer {
    /// Appends a text frame.
    pub fn push_text(&mut self, text: &str) {
        self.push(TEXT, text.as_bytes());
    }

    /// Returns the number of frames.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the encoded bytes.
    pub fn finish(self) -> Bytes {
        self.bytes.into()
    }

    fn push(&mut self, opcode: u8, payload: &[u8]) {
        encode(&mut self.bytes, opcode, payload);
        self.count += 1;
    }
}

/// Appends a text frame to `out`.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    encode(out, TEXT, text.as_bytes());
}

fn encode(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
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

/// Encodes a text frame.
pub fn text(text: &str) -> Bytes {
    single(TEXT, text.as_bytes())
}

/// Returns where the payload of an encoded text frame begins.
pub(crate) fn text_at(frame: &[u8]) -> usize {
    match frame.get(1) {
        Some(127) => 10,
        Some(126) => 4,
        Some(_) | None => 2,
    }
}

/// Encodes a binary frame, which no dialect sends.
#[cfg(feature = "conformance")]
pub(crate) fn binary(bytes: &[u8]) -> Bytes {
    single(BINARY, bytes)
}

/// Encodes a ping.
pub fn ping() -> Bytes {
    single(PING, &[])
}

/// Returns whether an encoded frame is a ping.
pub fn is_ping(frame: &[u8]) -> bool {
    frame.first() == Some(&(FINAL | PING))
}

/// Encodes a close frame; a reason that is too long is truncated.
pub(crate) fn close(code: u16, reason: &str) -> Bytes {
    let mut payload = code.to_be_bytes().to_vec();
    let end = reason.floor_char_boundary(CONTROL_MAX - payload.len());
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    single(CLOSE, &payload)
}

fn single(opcode: u8, payload: &[u8]) -> Bytes {
    let mut frames = FrameBuffer::default();
    frames.push(opcode, payload);
    frames.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

    fn decode(bytes: &Bytes) -> Vec<Message> {
        let stream = std::io::Cursor::new(bytes.to_vec());
        let mut socket = WebSocket::from_raw_socket(stream, Role::Client, None);
        std::iter::from_fn(|| socket.read().ok()).collect()
    }

    #[test]
    fn frames_of_every_length_are_decoded_as_encoded() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 200_000] {
            let body = "ä".repeat(length / 2) + &"x".repeat(length % 2);
            let mut frames = FrameBuffer::default();
            frames.push_text(&body);
            frames.push_text("second");
            assert_eq!(decode(&frames.finish()), [Message::text(body), Message::text("second")]);
        }
    }

    #[test]
    fn a_close_frame_carries_code_and_reason_within_its_bounds() {
        let frame = close(1012, &"ä".repeat(200));
        let [Message::Close(Some(close))] = &decode(&frame)[..] else { panic!("a close frame") };
        assert_eq!(u16::from(close.code), 1012);
        assert_eq!(close.reason.as_str(), "ä".repeat(61));
    }
}
