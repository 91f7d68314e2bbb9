//! A WebSocket's bytes below the engine, which does not know of close codes, of clients that do not read, or of
//! holding back those that say too much.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::node::Node;
use crate::socketio::session::Session;
use crate::stream::{Patient, Stream};
use crate::ws::{Closing, Inspection, Visit, WRITE_WITHIN, Walk, frame, linger};

/// A WebSocket's bytes.
pub(super) struct Carrier {
    node: Arc<Node>,
    session: Arc<Session>,
    /// There until it is dropped.
    stream: Option<Patient>,
    /// Bytes that came with the handshake.
    leftover: Bytes,
    /// Waits until the client may say more.
    eased: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    written: Walk,
    inspection: Inspection,
    /// What is written instead of the engine's close frame, as far as it is not written yet.
    farewell: Option<Bytes>,
}

impl Carrier {
    pub(super) fn new(node: Arc<Node>, session: Arc<Session>, stream: Stream, leftover: Vec<u8>) -> Self {
        let inspection = Inspection::new(&node.settings.limits);
        Self {
            node,
            session,
            stream: Some(Patient::new(stream, WRITE_WITHIN)),
            leftover: leftover.into(),
            eased: None,
            written: Walk::default(),
            inspection,
            farewell: None,
        }
    }

    fn stream(&mut self) -> Pin<&mut Patient> {
        Pin::new(self.stream.as_mut().expect("it is taken in drop"))
    }

    /// Reads what has come; fails if the client says too much.
    fn poll_take(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.leftover.is_empty() {
            ready!(self.stream().poll_read(cx, buffer))?;
        } else {
            let count = self.leftover.len().min(buffer.remaining());
            buffer.put_slice(&self.leftover.split_to(count));
        }
        let Err(closing) = self.inspection.look(&buffer.filled()[before..]) else { return Poll::Ready(Ok(())) };
        self.session.close(closing);
        self.session.breaks();
        Poll::Ready(Err(io::ErrorKind::InvalidData.into()))
    }

    /// Writes some bytes, or fails if the client takes none for too long.
    fn poll_put(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_through(|stream| stream.poll_write(cx, bytes))
    }

    fn poll_through<T>(&mut self, poll: impl FnOnce(Pin<&mut Patient>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if self.session.closing() == Some(&Closing::TooSlow) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let done = ready!(poll(self.stream()));
        if done.is_err() && self.stream().is_spent() {
            self.session.close(Closing::TooSlow);
            self.session.breaks();
        }
        Poll::Ready(done)
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
        self.poll_take(cx, buffer)
    }
}

impl AsyncWrite for Carrier {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.farewell.is_none() {
            let before_close = self.written.clone().pass(bytes, &mut UntilClose);
            if before_close > 0 || bytes.is_empty() {
                let written = ready!(self.poll_put(cx, &bytes[..before_close]))?;
                self.written.pass(&bytes[..written], &mut UntilClose);
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
        ready!(self.poll_farewell(cx))?;
        // With TLS something may be sealed and not sent.
        self.poll_through(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_farewell(cx))?;
        self.stream().poll_shutdown(cx)
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        // Also when it was to take over from long polling and did not: the engine would keep such a session for ever.
        self.session.breaks();
        let is_through = self.farewell.as_ref().is_some_and(Bytes::is_empty);
        if let Some(stream) = self.stream.take().filter(|_| is_through) {
            self.node.drain.spawn(linger(stream.into_inner()));
        }
    }
}

/// Walks up to a close frame.
struct UntilClose;

impl Visit for UntilClose {
    fn head(&mut self, opcode: u8) -> bool {
        opcode != frame::CLOSE
    }
}
