//! A WebSocket's bytes below the engine, which does not know of close codes, of clients that do not read, or of
//! holding back those that say too much.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::node::Node;
use crate::socketio::session::Session;
use crate::ws::{Closing, WRITE_WITHIN, frame, linger};

/// A WebSocket's bytes.
pub(super) struct Carrier {
    node: Arc<Node>,
    session: Arc<Session>,
    /// There until it is dropped.
    tcp: Option<TcpStream>,
    /// Bytes that came with the handshake.
    leftover: Bytes,
    /// Waits until the client may say more.
    eased: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Runs while the client does not take what is written.
    patience: Option<Pin<Box<Sleep>>>,
    frames: Frames,
    /// What is written instead of the engine's close frame, as far as it is not written yet.
    farewell: Option<Bytes>,
}

impl Carrier {
    pub(super) fn new(node: Arc<Node>, session: Arc<Session>, tcp: TcpStream, leftover: Vec<u8>) -> Self {
        Self {
            node,
            session,
            tcp: Some(tcp),
            leftover: leftover.into(),
            eased: None,
            patience: None,
            frames: Frames::default(),
            farewell: None,
        }
    }

    fn tcp(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(self.tcp.as_mut().expect("it is taken in drop"))
    }

    /// Writes some bytes, or fails if the client takes none for too long.
    fn poll_put(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.session.closing() != Some(&Closing::TooSlow) {
            if let Poll::Ready(written) = self.tcp().poll_write(cx, bytes) {
                self.patience = None;
                return Poll::Ready(written);
            }
            let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(WRITE_WITHIN)));
            ready!(patience.as_mut().poll(cx));
            self.session.close(Closing::TooSlow);
            self.session.breaks();
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.farewell.clone().filter(|rest| !rest.is_empty()) {
            let written = ready!(self.poll_put(cx, &rest))?;
            self.farewell = Some(rest.slice(written..));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Carrier {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.eased.is_none() && self.session.is_crowded() {
            self.eased = Some(Box::pin(Arc::clone(&self.session).eased()));
        }
        if let Some(eased) = &mut self.eased {
            ready!(eased.as_mut().poll(cx));
            self.eased = None;
        }
        if !self.leftover.is_empty() {
            let count = self.leftover.len().min(buffer.remaining());
            buffer.put_slice(&self.leftover.split_to(count));
            return Poll::Ready(Ok(()));
        }
        self.tcp().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Carrier {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.farewell.is_none() {
            let before_close = self.frames.clone().pass(bytes);
            if before_close > 0 || bytes.is_empty() {
                let written = ready!(self.poll_put(cx, &bytes[..before_close]))?;
                self.frames.pass(&bytes[..written]);
                return Poll::Ready(Ok(written));
            }
            let Some(closing) = self.session.closing() else {
                let whole = Bytes::copy_from_slice(bytes);
                self.farewell = Some(whole);
                return Poll::Ready(Ok(bytes.len()));
            };
            self.farewell = Some(frame::close(closing.code(), &closing.reason()));
        }
        // Nothing follows a close frame.
        ready!(self.poll_farewell(cx))?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_farewell(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_farewell(cx))?;
        self.tcp().poll_shutdown(cx)
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        // Also when it was to take over from long polling and did not: the engine would keep such a session for ever.
        self.session.breaks();
        let is_through = self.farewell.as_ref().is_some_and(Bytes::is_empty);
        if let Some(tcp) = self.tcp.take().filter(|_| is_through) {
            self.node.drain.spawn(linger(tcp));
        }
    }
}

/// Follows the frames in what a server writes.
#[derive(Clone, Default)]
struct Frames(At);

#[derive(Clone, Copy, Default)]
enum At {
    #[default]
    Opcode,
    Length,
    Extended {
        left: u8,
        length: u64,
    },
    Payload(u64),
}

impl At {
    fn payload(length: u64) -> Self {
        if length == 0 { Self::Opcode } else { Self::Payload(length) }
    }
}

impl Frames {
    /// Passes over bytes up to a close frame; returns how many come before it.
    fn pass(&mut self, bytes: &[u8]) -> usize {
        let mut passed = 0;
        while let Some(&byte) = bytes.get(passed) {
            let mut step = 1;
            self.0 = match self.0 {
                At::Opcode if byte & 0x0f == frame::CLOSE => break,
                At::Opcode => At::Length,
                At::Length => match byte & 0x7f {
                    126 => At::Extended { left: 2, length: 0 },
                    127 => At::Extended { left: 8, length: 0 },
                    length => At::payload(length.into()),
                },
                At::Extended { left: 1, length } => At::payload(length << 8 | u64::from(byte)),
                At::Extended { left, length } => At::Extended { left: left - 1, length: length << 8 | u64::from(byte) },
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

    #[test]
    fn a_close_frame_is_found_behind_frames_of_every_length_however_they_are_cut() {
        let mut bytes = Vec::new();
        for length in [0, 1, 125, 126, 300, 65_535, 65_536, 70_000] {
            // A payload that looks like close frames.
            frame::put_text(&mut bytes, &"\u{8}".repeat(length));
        }
        let before = bytes.len();
        bytes.extend_from_slice(&frame::close(1000, "bye"));
        for cut in [1, 2, 3, 7, 1000, 65_536, bytes.len()] {
            let mut frames = Frames::default();
            let mut passed = 0;
            for part in bytes.chunks(cut) {
                let in_part = frames.pass(part);
                passed += in_part;
                if in_part < part.len() {
                    break;
                }
            }
            assert_eq!(passed, before, "cut into parts of {cut}");
        }
    }
}
