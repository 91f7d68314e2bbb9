//! Scans the frames in a byte stream (RFC 6455 §5.2), however the stream is split into reads.

/// A scanner's position in a stream of frames.
#[derive(Clone, Default)]
pub(crate) struct FrameScanner(State);

/// Receives what a [`FrameScanner`] finds.
pub(crate) trait FrameVisitor {
    /// Visits the start of a frame; returns whether to continue.
    fn frame_start(&mut self, opcode: u8) -> bool;

    /// Visits the FIN bit of the frame: whether it is the last of its message.
    fn fin(&mut self, _: bool) {}

    /// Visits the length of its payload.
    fn length(&mut self, _: u64) {}

    /// Visits a part of its payload.
    fn payload(&mut self, _: PayloadChunk<'_>) {}
}

/// A part of a payload.
pub(crate) struct PayloadChunk<'b> {
    bytes: &'b [u8],
    mask: [u8; MASK],
    /// Offset of the part in the payload.
    offset: u64,
}

/// The part of a frame that comes next.
#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    Opcode,
    Length,
    ExtendedLength {
        left: u8,
        length: u64,
        is_masked: bool,
    },
    Mask {
        left: usize,
        mask: [u8; MASK],
        length: u64,
    },
    Payload {
        left: u64,
        mask: [u8; MASK],
        offset: u64,
    },
}

/// Bytes of a mask.
const MASK: usize = 4;

impl State {
    fn after_length(length: u64, is_masked: bool) -> Self {
        if is_masked { Self::Mask { left: MASK, mask: [0; MASK], length } } else { Self::payload(length, [0; MASK], 0) }
    }

    fn payload(left: u64, mask: [u8; MASK], offset: u64) -> Self {
        if left == 0 { Self::Opcode } else { Self::Payload { left, mask, offset } }
    }
}

impl PayloadChunk<'_> {
    /// Returns the unmasked bytes.
    pub(crate) fn unmasked(&self) -> impl Iterator<Item = u8> {
        let mask = |nth: usize| self.mask[(self.offset as usize).wrapping_add(nth) % MASK];
        self.bytes.iter().enumerate().map(move |(nth, byte)| byte ^ mask(nth))
    }
}

impl FrameScanner {
    /// Returns whether the bytes so far end with a frame.
    pub(crate) fn is_between_frames(&self) -> bool {
        matches!(self.0, State::Opcode)
    }

    /// Scans bytes to their end, or to the start of a frame at which the visitor stops; returns how many were scanned.
    pub(crate) fn scan(&mut self, bytes: &[u8], visitor: &mut impl FrameVisitor) -> usize {
        let mut scanned = 0;
        while let Some(&byte) = bytes.get(scanned) {
            let mut step = 1;
            self.0 = match self.0 {
                State::Opcode if !visitor.frame_start(byte & 0x0f) => break,
                State::Opcode => {
                    visitor.fin(byte & 0x80 != 0);
                    State::Length
                }
                State::Length => {
                    let is_masked = byte & 0x80 != 0;
                    match byte & 0x7f {
                        126 => State::ExtendedLength { left: 2, length: 0, is_masked },
                        127 => State::ExtendedLength { left: 8, length: 0, is_masked },
                        length => {
                            visitor.length(length.into());
                            State::after_length(length.into(), is_masked)
                        }
                    }
                }
                State::ExtendedLength { left, length, is_masked } => {
                    let length = length << 8 | u64::from(byte);
                    if left > 1 {
                        State::ExtendedLength { left: left - 1, length, is_masked }
                    } else {
                        visitor.length(length);
                        State::after_length(length, is_masked)
                    }
                }
                State::Mask { left, mut mask, length } => {
                    mask[MASK - left] = byte;
                    if left > 1 {
                        State::Mask { left: left - 1, mask, length }
                    } else {
                        State::payload(length, mask, 0)
                    }
                }
                State::Payload { left, mask, offset } => {
                    step = (bytes.len() - scanned).min(usize::try_from(left).unwrap_or(usize::MAX));
                    visitor.payload(PayloadChunk { bytes: &bytes[scanned..scanned + step], mask, offset });
                    State::payload(left - step as u64, mask, offset + step as u64)
                }
            };
            scanned += step;
        }
        scanned
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::frame;
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

    const LENGTHS: [usize; 8] = [0, 1, 125, 126, 300, 65_535, 65_536, 70_000];
    const SPLITS: [usize; 6] = [1, 2, 3, 7, 1000, 65_536];

    struct UntilClose;

    impl FrameVisitor for UntilClose {
        fn frame_start(&mut self, opcode: u8) -> bool {
            opcode != frame::CLOSE
        }
    }

    /// The opcode and the payload of each frame.
    #[derive(Default)]
    struct Recorded(Vec<(u8, Vec<u8>)>);

    impl FrameVisitor for Recorded {
        fn frame_start(&mut self, opcode: u8) -> bool {
            self.0.push((opcode, Vec::new()));
            true
        }

        fn payload(&mut self, part: PayloadChunk<'_>) {
            self.0.last_mut().unwrap().1.extend(part.unmasked());
        }
    }

    #[test]
    fn a_close_frame_is_found_after_frames_of_every_length_however_they_are_split() {
        let mut bytes = Vec::new();
        for length in LENGTHS {
            // A payload that looks like close frames.
            frame::put_text(&mut bytes, &"\u{8}".repeat(length));
        }
        let before = bytes.len();
        bytes.extend_from_slice(&frame::close(1000, "bye"));
        for size in SPLITS {
            let mut scanner = FrameScanner::default();
            let mut scanned = 0;
            for part in bytes.chunks(size) {
                let in_part = scanner.scan(part, &mut UntilClose);
                scanned += in_part;
                if in_part < part.len() {
                    break;
                }
            }
            assert_eq!(scanned, before, "split into parts of {size}");
        }
    }

    #[test]
    fn frames_of_a_client_are_unmasked_however_they_are_split() {
        let mut bytes = Vec::new();
        let sent: Vec<(u8, Vec<u8>)> =
            LENGTHS.iter().map(|length| (1, (0..=255).cycle().take(*length).collect())).collect();
        for (_, payload) in &sent {
            let mut masked = Frame::message(payload.clone(), OpCode::Data(Data::Text), true);
            masked.header_mut().mask = Some([0, 255, 8, 0x81]);
            masked.format(&mut bytes).unwrap();
        }
        for size in SPLITS {
            let (mut scanner, mut recorded) = (FrameScanner::default(), Recorded::default());
            bytes.chunks(size).for_each(|part| assert_eq!(scanner.scan(part, &mut recorded), part.len()));
            assert!(recorded.0 == sent, "split into parts of {size}");
        }
    }
}
