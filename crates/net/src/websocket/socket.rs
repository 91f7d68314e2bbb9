//! One WebSocket: tungstenite reads and validates, this module writes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::limits::{ConnectionLimits, SignalTexts, TokenBucket, signal_bucket};
use crate::stream::ClientStream;
use crate::websocket::{CloseReason, InboundLimiter, SocketWriter, WRITE_TIMEOUT, frame};

/// Size of tungstenite's read buffer. Tungstenite clears the buffer at each read, and a small one keeps the memory of
/// 10,000 connections small.
const READ_BUFFER: usize = 1024;

/// How long a client that sends too many signals is not read. Short, since the messages behind the signals wait too.
const SIGNAL_PAUSE: Duration = Duration::from_millis(100);

/// Time within which a client must end its stream after the close frame. Without the wait, a reset could overtake the
/// close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What a client sent.
#[derive(Debug, PartialEq)]
pub enum WebSocketEvent {
    /// A text message.
    Text(Utf8Bytes),
    /// One of the texts of [`ConnectionLimits::signals`].
    Signal {
        /// The client sends too many of them, and is read more slowly.
        is_surplus: bool,
    },
    /// A binary message, which no dialect uses.
    Binary(Bytes),
    /// A ping or pong, which shows that the client is alive.
    Control,
}

/// Why a connection can't be used any more.
#[derive(Debug)]
pub enum Disconnected {
    /// The socket must be closed.
    Close(CloseReason),
    /// The connection is broken.
    Broken,
}

/// One WebSocket.
pub struct WebSocket {
    stream: WebSocketStream<DeferredWrites>,
    message_bytes: usize,
    /// `None` if there are no signals.
    signals: Option<Box<SignalBudget>>,
}

/// How many signals a client may send before it is read more slowly.
struct SignalBudget {
    texts: SignalTexts,
    bucket: TokenBucket,
    /// Nothing is read before this instant.
    paused_until: Option<Instant>,
}

impl WebSocket {
    pub(super) async fn new(stream: ClientStream, received: Vec<u8>, limits: &ConnectionLimits) -> Self {
        let message_bytes = limits.message_bytes;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(message_bytes))
            .max_frame_size(Some(message_bytes));
        let mut limiter = InboundLimiter::new(limits);
        let close_reason = limiter.check(&received).err();
        let received = if close_reason.is_none() { received } else { Vec::new() };
        let writer = Arc::new(SocketWriter::new(stream));
        let io = DeferredWrites { writer, deferred: Vec::new(), limiter, close_reason };
        let stream = WebSocketStream::from_partially_read(io, received, Role::Server, Some(config)).await;
        let has_signals = limits.signals != SignalTexts::NONE;
        let signals = has_signals.then(|| SignalBudget::new(limits).into());
        Self { stream, message_bytes, signals }
    }

    /// Waits for the next message. Cancel-safe. Automatic answers, such as pongs, are sent with [`WebSocket::flush`] or
    /// the next write.
    ///
    /// # Errors
    /// The connection can't be used any more.
    pub async fn next(&mut self) -> Result<WebSocketEvent, Disconnected> {
        if let Some(signals) = &mut self.signals {
            signals.pause().await;
        }
        match self.stream.next().await {
            Some(Ok(Message::Text(text))) => Ok(match &mut self.signals {
                Some(signals) if signals.texts.contains(&text) => signals.take(),
                Some(_) | None => WebSocketEvent::Text(text),
            }),
            Some(Ok(Message::Binary(bytes))) => Ok(WebSocketEvent::Binary(bytes)),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                self.defer_answers().await;
                Ok(WebSocketEvent::Control)
            }
            Some(Ok(Message::Close(_))) => {
                self.defer_answers().await;
                Err(Disconnected::Close(CloseReason::ClosedByClient))
            }
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
                Err(Disconnected::Close(CloseReason::TooLarge(self.message_bytes)))
            }
            Some(Err(Error::Utf8(_))) => Err(Disconnected::Close(CloseReason::InvalidUtf8)),
            Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => Err(Disconnected::Broken),
            Some(Err(Error::Protocol(_))) => Err(Disconnected::Close(CloseReason::Protocol)),
            Some(Err(_)) | None => {
                let reason = self.stream.get_mut().close_reason.take();
                Err(reason.map_or(Disconnected::Broken, Disconnected::Close))
            }
        }
    }

    /// Makes tungstenite write its answer to a ping or a close frame now; otherwise it waits for the next read. Never
    /// waits, because the write is deferred.
    async fn defer_answers(&mut self) {
        self.stream.flush().await.ok();
    }

    /// Returns the write side.
    pub fn writer(&self) -> Arc<SocketWriter> {
        Arc::clone(&self.stream.get_ref().writer)
    }

    /// Writes deferred answers and then frames, as far as the kernel accepts them; [`WebSocket::flush`] writes the
    /// rest.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn write(&mut self, frames: &[Bytes]) -> Result<(), Disconnected> {
        let io = self.stream.get_mut();
        let deferred = std::mem::take(&mut io.deferred);
        let written = match (frames, deferred.is_empty()) {
            ([], true) => Ok(()),
            ([frame], true) => io.writer.write(frame),
            _ => io.writer.write(&[&[Bytes::from(deferred)], frames].concat().concat()),
        };
        written.map_err(|_| Disconnected::Broken)
    }

    /// Waits until the kernel has accepted all bytes.
    ///
    /// # Errors
    /// The connection is broken, or the client did not accept the bytes within [`WRITE_TIMEOUT`].
    pub async fn flush(&mut self) -> Result<(), Disconnected> {
        self.write(&[])?;
        let writer = &self.stream.get_ref().writer;
        // There is almost never anything to wait for.
        if writer.is_flushed() {
            return Ok(());
        }
        match Box::pin(timeout(WRITE_TIMEOUT, writer.flush())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Disconnected::Broken),
            Err(_) => Err(Disconnected::Close(CloseReason::TooSlow)),
        }
    }

    /// Closes the socket with a code and waits for the client to close its side.
    pub async fn close(mut self, reason: &CloseReason) {
        let io = self.stream.get_mut();
        io.writer.close_offers();
        if *reason == CloseReason::TooSlow {
            // A frame is half written, so the client can't parse a close frame after it.
            return;
        }
        let mut last = std::mem::take(&mut io.deferred);
        if *reason != CloseReason::ClosedByClient {
            last = frame::close(reason.code(), &reason.reason()).to_vec();
        }
        let closing = async {
            io.writer.write(&last)?;
            io.writer.flush().await?;
            // With unread bytes the kernel would send a reset, which may overtake the close frame.
            io.writer.shutdown().await
        };
        timeout(CLOSE_TIMEOUT, closing).await.ok();
    }
}

impl SignalBudget {
    fn new(limits: &ConnectionLimits) -> Self {
        Self { texts: limits.signals, bucket: signal_bucket(limits), paused_until: None }
    }

    /// Waits until the client is read again. Cancel-safe.
    async fn pause(&mut self) {
        if let Some(until) = self.paused_until {
            // Boxed, because connections rarely wait here, and each holds the room for it.
            Box::pin(sleep_until(until)).await;
            self.paused_until = None;
        }
    }

    /// Takes a signal; pauses the client if it sends too many.
    fn take(&mut self) -> WebSocketEvent {
        let is_surplus = !self.bucket.take(1);
        if is_surplus {
            self.paused_until = Some(Instant::now() + SIGNAL_PAUSE);
        }
        WebSocketEvent::Signal { is_surplus }
    }
}

/// Closes a stream whose close frame is written, and reads until the client ends its side: with unread bytes the kernel
/// would send a reset, which may overtake the close frame.
pub(crate) async fn lingering_close(mut stream: ClientStream) {
    let closing = async {
        stream.shutdown().await?;
        let mut sink = vec![0; 1024];
        while stream.read(&mut sink).await? > 0 {}
        io::Result::Ok(())
    };
    timeout(CLOSE_TIMEOUT, closing).await.ok();
}

/// The connection as tungstenite sees it: reads pass through, while writes (pongs and close frames) are deferred, so
/// that they are sent between whole frames.
struct DeferredWrites {
    writer: Arc<SocketWriter>,
    deferred: Vec<u8>,
    limiter: InboundLimiter,
    /// Set when the client has exceeded a limit; nothing more is read then.
    close_reason: Option<CloseReason>,
}

impl AsyncRead for DeferredWrites {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let io = self.get_mut();
        if io.close_reason.is_some() {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        let before = buffer.filled().len();
        ready!(io.writer.poll_read(cx, buffer))?;
        if let Err(reason) = io.limiter.check(&buffer.filled()[before..]) {
            io.close_reason.get_or_insert(reason);
        }
        if io.close_reason.is_some() {
            Poll::Ready(Err(io::ErrorKind::InvalidData.into()))
        } else {
            Poll::Ready(Ok(()))
        }
    }
}

impl AsyncWrite for DeferredWrites {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.deferred.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
