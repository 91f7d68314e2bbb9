//! Walks along the frames in a stream of bytes (RFC 6455 §5.2), however it is cut.

/// Where in a stream of frames one is.
#[derive(Clone, Default)]
pub(crate) struct Walk(At);

/// What is met on the way.
pub(crate) trait Visit {
    /// A frame begins; tells whether to go on.
    fn head(&mut self, opcode: u8) -> bool;

    /// It is so long.
    fn length(&mut self, _: u64) {}

    /// A part of its payload comes.
    fn payload(&mut self, _: Payload<'_>) {}
}

/// A part of a payload.
pub(crate) struct Payload<'b> {
    bytes: &'b [u8],
    mask: [u8; MASK],
    /// How much of the payload came before.
    at: u64,
}

#[derive(Clone, Copy, Default)]
enum At {
    #[default]
    Opcode,
    Length,
    Extended {
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
        at: u64,
    },
}

/// Bytes of a mask.
const MASK: usize = 4;

impl At {
    fn behind_length(length: u64, is_masked: bool) -> Self {
        if is_masked { Self::Mask { left: MASK, mask: [0; MASK], length } } else { Self::payload(length, [0; MASK], 0) }
    }

    fn payload(left: u64, mask: [u8; MASK], at: u64) -> Self {
        if left == 0 { Self::Opcode } else { Self::Payload { left, mask, at } }
    }
}

impl Payload<'_> {
    /// Returns the bytes as they are meant.
    pub(crate) fn unmasked(&self) -> impl Iterator<Item = u8> {
        let mask = |nth: usize| self.mask[(self.at as usize).wrapping_add(nth) % MASK];
        self.bytes.iter().enumerate().map(move |(nth, byte)| byte ^ mask(nth))
    }
}

impl Walk {
    /// Walks over bytes, or up to the head of a frame where the visitor does not go on; returns how many were passed.
    pub(crate) fn pass(&mut self, bytes: &[u8], visitor: &mut impl Visit) -> usize {
        let mut passed = 0;
        while let Some(&byte) = bytes.get(passed) {
            let mut step = 1;
            self.0 = match self.0 {
                At::Opcode if !visitor.head(byte & 0x0f) => break,
                At::Opcode => At::Length,
                At::Length => {
                    let is_masked = byte & 0x80 != 0;
                    match byte & 0x7f {
                        126 => At::Extended { left: 2, length: 0, is_masked },
                        127 => At::Extended { left: 8, length: 0, is_masked },
                        length => {
                            visitor.length(length.into());
                            At::behind_length(length.into(), is_masked)
                        }
                    }
                }
                At::Extended { left, length, is_masked } => {
                    let length = length << 8 | u64::from(byte);
                    if left > 1 {
                        At::Extended { left: left - 1, length, is_masked }
                    } else {
                        visitor.length(length);
                        At::behind_length(length, is_masked)
                    }
                }
                At::Mask { left, mut mask, length } => {
                    mask[MASK - left] = byte;
                    if left > 1 { At::Mask { left: left - 1, mask, length } } else { At::payload(length, mask, 0) }
                }
                At::Payload { left, mask, at } => {
                    step = (bytes.len() - passed).min(usize::try_from(left).unwrap_or(usize::MAX));
                    visitor.payload(Payload { bytes: &bytes[passed..passed + step], mask, at });
                    At::payload(left - step as u64, mask, at + step as u64)
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

    struct UntilClose;

    impl Visit for UntilClose {
        fn head(&mut self, opcode: u8) -> bool {
            opcode != frame::CLOSE
        }
    }

    /// What it has met: the opcode and the payload of each frame.
    #[derive(Default)]
    struct Met(Vec<(u8, Vec<u8>)>);

    impl Visit for Met {
        fn head(&mut self, opcode: u8) -> bool {
            self.0.push((opcode, Vec::new()));
            true
        }

        fn payload(&mut self, part: Payload<'_>) {
            self.0.last_mut().unwrap().1.extend(part.unmasked());
        }
    }

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
            let mut walk = Walk::default();
            let mut passed = 0;
            for part in bytes.chunks(cut) {
                let in_part = walk.pass(part, &mut UntilClose);
                passed += in_part;
                if in_part < part.len() {
                    break;
                }
            }
            assert_eq!(passed, before, "cut into parts of {cut}");
        }
    }

    #[test]
    fn the_frames_of_a_client_are_met_as_they_are_meant_however_they_are_cut() {
        let mut bytes = Vec::new();
        let sent: Vec<(u8, Vec<u8>)> =
            LENGTHS.iter().map(|length| (1, (0..=255).cycle().take(*length).collect())).collect();
        for (_, payload) in &sent {
            let mut masked = Frame::message(payload.clone(), OpCode::Data(Data::Text), true);
            masked.header_mut().mask = Some([0, 255, 8, 0x81]);
            masked.format(&mut bytes).unwrap();
        }
        for cut in CUTS {
            let (mut walk, mut met) = (Walk::default(), Met::default());
            bytes.chunks(cut).for_each(|part| assert_eq!(walk.pass(part, &mut met), part.len()));
            assert!(met.0 == sent, "cut into parts of {cut}");
        }
    }
}
