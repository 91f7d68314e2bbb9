//! Finds the heads of frames in a stream of bytes (RFC 6455 §5.2), however it is cut.

/// Follows the frames in a stream of bytes.
#[derive(Clone, Default)]
pub(crate) struct FrameHeads(At);

#[derive(Clone, Copy, Default)]
enum At {
    #[default]
    Opcode,
    Length,
    Extended {
        left: u8,
        length: u64,
        /// Bytes of the mask, which come between the length and the payload.
        mask: u64,
    },
    Payload(u64),
}

/// Bytes of a mask.
const MASK: u64 = 4;

impl At {
    fn payload(length: u64) -> Self {
        if length == 0 { Self::Opcode } else { Self::Payload(length) }
    }
}

impl FrameHeads {
    /// Passes over bytes up to the head of a frame whose opcode `stops`; returns how many come before it.
    pub(crate) fn pass(&mut self, bytes: &[u8], mut stops: impl FnMut(u8) -> bool) -> usize {
        let mut passed = 0;
        while let Some(&byte) = bytes.get(passed) {
            let mut step = 1;
            self.0 = match self.0 {
                At::Opcode if stops(byte & 0x0f) => break,
                At::Opcode => At::Length,
                At::Length => {
                    let mask = if byte & 0x80 == 0 { 0 } else { MASK };
                    match byte & 0x7f {
                        126 => At::Extended { left: 2, length: 0, mask },
                        127 => At::Extended { left: 8, length: 0, mask },
                        length => At::payload(u64::from(length) + mask),
                    }
                }
                At::Extended { left, length, mask } => {
                    let length = length << 8 | u64::from(byte);
                    if left > 1 {
                        At::Extended { left: left - 1, length, mask }
                    } else {
                        At::payload(length.saturating_add(mask))
                    }
                }
                At::Payload(length) => {
                    step = (bytes.len() - passed).min(usize::try_from(length).unwrap_or(usize::MAX));
                    At::payload(length - step as u64)
                }
            };
            passed += step;
        }
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::frame;
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

    const LENGTHS: [usize; 8] = [0, 1, 125, 126, 300, 65_535, 65_536, 70_000];
    const CUTS: [usize; 6] = [1, 2, 3, 7, 1000, 65_536];

    #[test]
    fn a_close_frame_is_found_behind_frames_of_every_length_however_they_are_cut() {
        let mut bytes = Vec::new();
        for length in LENGTHS {
            // A payload that looks like close frames.
            frame::put_text(&mut bytes, &"\u{8}".repeat(length));
        }
        let before = bytes.len();
        bytes.extend_from_slice(&frame::close(1000, "bye"));
        for cut in CUTS {
            let mut heads = FrameHeads::default();
            let mut passed = 0;
            for part in bytes.chunks(cut) {
                let in_part = heads.pass(part, |opcode| opcode == frame::CLOSE);
                passed += in_part;
                if in_part < part.len() {
                    break;
                }
            }
            assert_eq!(passed, before, "cut into parts of {cut}");
        }
    }

    #[test]
    fn the_frames_of_a_client_are_counted_however_they_are_cut() {
        let mut bytes = Vec::new();
        for length in LENGTHS {
            let mut masked = Frame::message(vec![1; length], OpCode::Data(Data::Text), true);
            masked.header_mut().mask = Some([0, 255, 8, 0x81]);
            masked.format(&mut bytes).unwrap();
        }
        for cut in CUTS {
            let (mut heads, mut count) = (FrameHeads::default(), 0);
            for part in bytes.chunks(cut) {
                heads.pass(part, |opcode| {
                    assert_eq!(opcode, 1);
                    count += 1;
                    false
                });
            }
            assert_eq!(count, LENGTHS.len(), "cut into parts of {cut}");
        }
    }
}
