//! One WebSocket: what a client sends, and the frames that are written to it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Sleep, sleep, timeout};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::limits::{ConnectionLimits, SignalTexts, TokenBucket, signal_bucket};
use crate::stream::ClientStream;
use crate::websocket::message_reader::MessageReader;
use crate::websocket::{CloseReason, SocketWriter, WRITE_TIMEOUT, frame};

/// How long a client that sends too many signals is not read. Short, since the messages behind the signals wait too.
const SIGNAL_PAUSE: Duration = Duration::from_millis(100);

/// Time within which a client must end its stream after the close frame. Without the wait, a reset could overtake the
/// close frame.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

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
    writer: Arc<SocketWriter>,
    reader: MessageReader,
    /// `None` if there are no signals.
    signals: Option<Box<SignalBudget>>,
}

/// How many signals a client may send before it is read more slowly.
struct SignalBudget {
    texts: SignalTexts,
    bucket: TokenBucket,
    /// Nothing is read before this ends.
    pause: Option<Pin<Box<Sleep>>>,
}

impl WebSocket {
    pub(super) fn new(stream: ClientStream, received: Vec<u8>, limits: &ConnectionLimits) -> Self {
        let writer = Arc::new(SocketWriter::new(stream));
        let has_signals = limits.signals != SignalTexts::NONE;
        let signals = has_signals.then(|| SignalBudget::new(limits).into());
        Self { writer, reader: MessageReader::new(received, limits), signals }
    }

    /// Waits for the next message. Cancel-safe. Automatic answers, such as pongs, are sent with [`WebSocket::flush`] or
    /// the next write.
    ///
    /// # Errors
    /// The connection can't be used any more.
    pub async fn next(&mut self) -> Result<WebSocketEvent, Disconnected> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Polls for the next message, as [`WebSocket::next`] does: a task that waits for more besides holds no future for it.
    ///
    /// # Errors
    /// The connection can't be used any more.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<WebSocketEvent, Disconnected>> {
        let Self { writer, reader, signals } = self;
        if let Some(signals) = signals {
            ready!(signals.poll_pause(cx));
        }
        Poll::Ready(match ready!(reader.poll_next(writer, cx))? {
            Message::Text(text) => Ok(match signals {
                Some(signals) if signals.texts.contains(&text) => signals.take(),
                Some(_) | None => WebSocketEvent::Text(text),
            }),
            Message::Binary(bytes) => Ok(WebSocketEvent::Binary(bytes)),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                reader.defer_answers();
                Ok(WebSocketEvent::Control)
            }
            Message::Close(_) => {
                reader.defer_answers();
                Err(Disconnected::Close(CloseReason::ClosedByClient))
            }
        })
    }

    /// Returns the write side.
    pub fn writer(&self) -> Arc<SocketWriter> {
        Arc::clone(&self.writer)
    }

    /// Writes deferred answers and then frames, as far as the kernel accepts them; [`WebSocket::flush`] writes the
    /// rest.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn write(&mut self, frames: &[Bytes]) -> Result<(), Disconnected> {
        let deferred = self.reader.take_deferred();
        let written = match (frames, deferred.is_empty()) {
            ([], true) => Ok(()),
            ([frame], true) => self.writer.write(frame),
            _ => self.writer.write(&[&[Bytes::from(deferred)], frames].concat().concat()),
        };
        written.map_err(|_| Disconnected::Broken)
    }

    /// Waits until the kernel has accepted all bytes.
    ///
    /// # Errors
    /// The connection is broken, or the client did not accept the bytes within [`WRITE_TIMEOUT`].
    pub async fn flush(&mut self) -> Result<(), Disconnected> {
        self.write(&[])?;
        // There is almost never anything to wait for.
        if self.writer.is_flushed() {
            return Ok(());
        }
        match Box::pin(timeout(WRITE_TIMEOUT, self.writer.flush())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Disconnected::Broken),
            Err(_) => Err(Disconnected::Close(CloseReason::TooSlow)),
        }
    }

    /// Returns whether the kernel has accepted all bytes that were written. Answers can be deferred.
    pub(crate) fn is_flushed(&self) -> bool {
        self.writer.is_flushed()
    }

    /// Waits until the kernel has accepted some of the bytes. Cancel-safe.
    ///
    /// # Errors
    /// The connection is broken.
    pub(crate) async fn flush_part(&self) -> Result<(), Disconnected> {
        self.writer.flush_part().await.map(drop).map_err(|_| Disconnected::Broken)
    }

    /// Closes the socket with a code and waits for the client to close its side.
    pub async fn close(mut self, reason: &CloseReason) {
        self.writer.close_offers();
        if *reason == CloseReason::TooSlow {
            // A frame is half written, so the client can't parse a close frame after it.
            return;
        }
        let mut last = self.reader.take_deferred();
        if *reason != CloseReason::ClosedByClient {
            last = frame::close(reason.code(), &reason.reason()).to_vec();
        }
        let closing = async {
            self.writer.write(&last)?;
            self.writer.flush().await?;
            // With unread bytes the kernel would send a reset, which may overtake the close frame.
            self.writer.shutdown().await
        };
        timeout(CLOSE_TIMEOUT, closing).await.ok();
    }
}

impl SignalBudget {
    fn new(limits: &ConnectionLimits) -> Self {
        Self { texts: limits.signals, bucket: signal_bucket(limits), pause: None }
    }

    /// Waits until the client is read again.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        Poll::Ready(())
    }

    /// Takes a signal; pauses the client if it sends too many.
    fn take(&mut self) -> WebSocketEvent {
        let is_surplus = !self.bucket.take(1);
        if is_surplus {
            self.pause = Some(Box::pin(sleep(SIGNAL_PAUSE)));
        }
        WebSocketEvent::Signal { is_surplus }
    }
}
