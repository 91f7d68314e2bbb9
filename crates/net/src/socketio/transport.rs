//! A WebSocket's byte stream below the engine. It adds what the engine lacks: close codes, a write timeout, and
//! backpressure on clients that send too much.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::limits::ConnectionLimits;
use crate::socketio::SocketIoHandler;
use crate::socketio::session::Session;
use crate::stream::{ClientStream, WriteTimeout};
use crate::websocket::{
    CloseReason, FrameScanner, FrameVisitor, InboundLimiter, WRITE_TIMEOUT, frame, lingering_close,
};

/// A WebSocket's byte stream.
pub(super) struct WebSocketTransport {
    handler: Arc<dyn SocketIoHandler>,
    session: Arc<Session>,
    /// Present until the transport is dropped.
    stream: Option<WriteTimeout>,
    /// Bytes that were received during the handshake.
    received: Bytes,
    /// Waits until the session has capacity.
    capacity: Option<BoxFuture<'static, ()>>,
    written: FrameScanner,
    limiter: InboundLimiter,
    /// The unwritten rest of the close frame that replaces the engine's.
    close_frame: Option<Bytes>,
}

impl WebSocketTransport {
    pub(super) fn new(
        handler: Arc<dyn SocketIoHandler>,
        session: Arc<Session>,
        limits: &ConnectionLimits,
        stream: ClientStream,
        received: Vec<u8>,
    ) -> Self {
        Self {
            handler,
            session,
            stream: Some(WriteTimeout::new(stream, WRITE_TIMEOUT)),
            received: received.into(),
            capacity: None,
            written: FrameScanner::default(),
            limiter: InboundLimiter::new(limits),
            close_frame: None,
        }
    }

    fn stream(&mut self) -> Pin<&mut WriteTimeout> {
        Pin::new(self.stream.as_mut().expect("it is taken only in drop"))
    }

    /// Reads received bytes; fails if the client exceeds a limit.
    fn poll_receive(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.received.is_empty() {
            ready!(self.stream().poll_read(cx, buffer))?;
        } else {
            let count = self.received.len().min(buffer.remaining());
            buffer.put_slice(&self.received.split_to(count));
        }
        let Err(reason) = self.limiter.check(&buffer.filled()[before..]) else { return Poll::Ready(Ok(())) };
        self.session.set_close_reason(reason);
        self.session.abort();
        Poll::Ready(Err(io::ErrorKind::InvalidData.into()))
    }

    /// Writes some bytes; fails if the client accepts none for too long.
    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_stream(|stream| stream.poll_write(cx, bytes))
    }

    fn poll_stream<T>(
        &mut self,
        poll: impl FnOnce(Pin<&mut WriteTimeout>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.session.close_reason() == Some(&CloseReason::TooSlow) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let done = ready!(poll(self.stream()));
        if done.is_err() && self.stream().has_timed_out() {
            self.session.set_close_reason(CloseReason::TooSlow);
            self.session.abort();
        }
        Poll::Ready(done)
    }

    fn poll_close_frame(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.close_frame.clone().filter(|rest| !rest.is_empty()) {
            let written = ready!(self.poll_send(cx, &rest))?;
            self.close_frame = Some(rest.slice(written..));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for WebSocketTransport {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.capacity.is_none() && !self.session.has_capacity() {
            self.capacity = Some(Box::pin(Arc::clone(&self.session).wait_for_capacity()));
        }
        if let Some(capacity) = &mut self.capacity {
            ready!(capacity.as_mut().poll(cx));
            self.capacity = None;
        }
        self.poll_receive(cx, buffer)
    }
}

impl AsyncWrite for WebSocketTransport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.close_frame.is_none() {
            let before_close = self.written.clone().scan(bytes, &mut StopAtClose);
            if before_close > 0 || bytes.is_empty() {
                let written = ready!(self.poll_send(cx, &bytes[..before_close]))?;
                self.written.scan(&bytes[..written], &mut StopAtClose);
                return Poll::Ready(Ok(written));
            }
            let Some(reason) = self.session.close_reason() else {
                let of_engine = Bytes::copy_from_slice(bytes);
                self.close_frame = Some(of_engine);
                return Poll::Ready(Ok(bytes.len()));
            };
            self.close_frame = Some(frame::close(reason.code(), &reason.reason()));
        }
        // Nothing may follow a close frame.
        ready!(self.poll_close_frame(cx))?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_close_frame(cx))?;
        // With TLS, encrypted bytes may be unsent.
        self.poll_stream(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_close_frame(cx))?;
        self.stream().poll_shutdown(cx)
    }
}

impl Drop for WebSocketTransport {
    fn drop(&mut self) {
        // Also when it failed to take over from long polling: the engine would keep such a session for ever.
        self.session.abort();
        let close_frame_sent = self.close_frame.as_ref().is_some_and(Bytes::is_empty);
        if let Some(stream) = self.stream.take().filter(|_| close_frame_sent) {
            self.handler.spawn(Box::pin(lingering_close(stream.into_inner())));
        }
    }
}

/// Scans up to a close frame.
struct StopAtClose;

impl FrameVisitor for StopAtClose {
    fn frame_start(&mut self, opcode: u8) -> bool {
        opcode != frame::CLOSE
    }
}
