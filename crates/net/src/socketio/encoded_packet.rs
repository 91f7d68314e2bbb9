//! A packet for clients, encoded once for all of them and for both transports.

use bytes::Bytes;
use engineioxide_core::Packet as EnginePacket;

use crate::websocket::frame;

/// A packet for clients: a text frame of a WebSocket, whose payload is what long polling sends.
#[derive(Clone, Debug)]
pub struct EncodedPacket {
    frame: Bytes,
    /// Where the payload of the frame begins.
    text_at: usize,
}

impl EncodedPacket {
    /// Encodes a packet of Engine.IO.
    pub(super) fn new(packet: EnginePacket) -> Self {
        let text = String::from(packet);
        let frame = frame::text(&text);
        Self { text_at: frame::text_at(&frame), frame }
    }

    /// Copies a packet that is a frame already.
    pub(super) fn of_frame(frame: &[u8]) -> Self {
        Self { text_at: frame::text_at(frame), frame: Bytes::copy_from_slice(frame) }
    }

    /// Returns the number of bytes that a WebSocket client is sent.
    pub fn size(&self) -> usize {
        self.frame.len()
    }

    /// Returns the packet as a frame of a WebSocket.
    pub fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// Returns the packet as a frame of a WebSocket that shares its memory.
    pub(super) fn to_bytes(&self) -> Bytes {
        self.frame.clone()
    }

    /// Returns the packet as long polling sends it.
    pub(super) fn text(&self) -> &[u8] {
        &self.frame[self.text_at..]
    }
}

#[cfg(test)]
impl PartialEq<&str> for EncodedPacket {
    fn eq(&self, text: &&str) -> bool {
        self.text() == text.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_transports_send_the_same_text_whatever_its_length() {
        for length in [0, 1, 124, 125, 65_534, 65_535, 100_000] {
            let text = "x".repeat(length);
            let packet = EncodedPacket::new(EnginePacket::Message(text.clone().into()));
            let sent = format!("4{text}");
            assert_eq!(packet.text(), sent.as_bytes(), "{length}");
            assert_eq!(packet.frame(), frame::text(&sent), "{length}");
            assert_eq!(EncodedPacket::of_frame(packet.frame()).text(), sent.as_bytes(), "{length}");
        }
    }
}
