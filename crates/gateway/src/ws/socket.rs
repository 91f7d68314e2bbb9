//! One WebSocket: tungstenite reads and checks, we write.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::config::LimitSettings;
use crate::stream::Stream;
use crate::ws::{Closing, Inspection, Line, WRITE_WITHIN, frame};

/// tungstenite clears a buffer of this size at each read; small ones keep 10,000 connections small.
const READ_BUFFER: usize = 1024;

/// How long a closed client may take to close its side, so that the close frame is not lost in a reset.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// What a client sent.
#[derive(Debug, PartialEq)]
pub(crate) enum Incoming {
    /// A text.
    Text(Utf8Bytes),
    /// Bytes, which no dialect speaks.
    Binary(Bytes),
    /// A ping or pong: a sign of life.
    Alive,
}

/// The connection is of no more use.
#[derive(Debug)]
pub(crate) enum Gone {
    /// It is there to be closed.
    Close(Closing),
    /// It has broken.
    Broken,
}

/// One WebSocket.
pub(crate) struct Socket {
    stream: WebSocketStream<ReadMostly>,
    message_bytes_max: usize,
}

impl Socket {
    pub(crate) async fn new(stream: Stream, leftover: Vec<u8>, limits: &LimitSettings) -> Self {
        let message_bytes_max = limits.message_bytes;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(message_bytes_max))
            .max_frame_size(Some(message_bytes_max));
        let mut inspection = Inspection::new(limits);
        let closing = inspection.look(&leftover).err();
        let leftover = if closing.is_none() { leftover } else { Vec::new() };
        let io = ReadMostly { line: Arc::new(Line::new(stream)), control: Vec::new(), inspection, closing };
        let stream = WebSocketStream::from_partially_read(io, leftover, Role::Server, Some(config)).await;
        Self { stream, message_bytes_max }
    }

    /// Waits for the next message. Cancel-safe; what it answers by itself goes out with
    /// [`Socket::flush`] or the next write.
    pub(crate) async fn next(&mut self) -> Result<Incoming, Gone> {
        match self.stream.next().await {
            Some(Ok(Message::Text(text))) => Ok(Incoming::Text(text)),
            Some(Ok(Message::Binary(bytes))) => Ok(Incoming::Binary(bytes)),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                self.put_aside_answers().await;
                Ok(Incoming::Alive)
            }
            Some(Ok(Message::Close(_))) => {
                self.put_aside_answers().await;
                Err(Gone::Close(Closing::Requested))
            }
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
                Err(Gone::Close(Closing::TooLarge(self.message_bytes_max)))
            }
            Some(Err(Error::Utf8(_))) => Err(Gone::Close(Closing::InvalidUtf8)),
            Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => Err(Gone::Broken),
            Some(Err(Error::Protocol(_))) => Err(Gone::Close(Closing::Protocol)),
            Some(Err(_)) | None => Err(self.stream.get_mut().closing.take().map_or(Gone::Broken, Gone::Close)),
        }
    }

    /// Has tungstenite write its answer to a ping or a close frame now; by itself it waits for the next read.
    /// Never waits, as it is put aside.
    async fn put_aside_answers(&mut self) {
        self.stream.flush().await.ok();
    }

    /// Returns its writing side.
    pub(crate) fn line(&self) -> Arc<Line> {
        Arc::clone(&self.stream.get_ref().line)
    }

    /// Writes frames, and before them what is still to be answered to control frames, as far as the kernel takes
    /// it; [`Socket::flush`] sees to the rest.
    pub(crate) fn put(&mut self, frames: &[Bytes]) -> Result<(), Gone> {
        let io = self.stream.get_mut();
        let control = std::mem::take(&mut io.control);
        let put = match (frames, control.is_empty()) {
            ([], true) => Ok(()),
            ([frame], true) => io.line.put(frame),
            _ => io.line.put(&[&[Bytes::from(control)], frames].concat().concat()),
        };
        put.map_err(|_| Gone::Broken)
    }

    /// Waits until the kernel has taken all.
    pub(crate) async fn flush(&mut self) -> Result<(), Gone> {
        self.put(&[])?;
        let line = &self.stream.get_ref().line;
        // Almost always there is nothing to wait for.
        if line.is_flushed() {
            return Ok(());
        }
        match Box::pin(timeout(WRITE_WITHIN, line.flush())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Gone::Broken),
            Err(_) => Err(Gone::Close(Closing::TooSlow)),
        }
    }

    /// Closes with a code, and waits for the client to close its side.
    pub(crate) async fn close(mut self, closing: &Closing) {
        let io = self.stream.get_mut();
        io.line.end();
        if *closing == Closing::TooSlow {
            // Something is half written; nothing that follows would be understood.
            return;
        }
        let mut last = std::mem::take(&mut io.control);
        if *closing != Closing::Requested {
            last = frame::close(closing.code(), &closing.reason()).to_vec();
        }
        let ending = async {
            io.line.put(&last)?;
            io.line.flush().await?;
            // Unread bytes would turn the end into a reset, which may overtake the close frame.
            io.line.shut().await
        };
        timeout(CLOSE_WITHIN, ending).await.ok();
    }
}

/// Lets a client whose close frame is written read it: unread bytes would turn the end into a reset, which may
/// overtake it.
pub(crate) async fn linger(mut stream: Stream) {
    let ending = async {
        stream.shutdown().await?;
        let mut sink = vec![0; 1024];
        while stream.read(&mut sink).await? > 0 {}
        io::Result::Ok(())
    };
    timeout(CLOSE_WITHIN, ending).await.ok();
}

/// A connection that tungstenite may read, while what it writes (pongs and close frames) is put aside for
/// us to send between whole frames.
struct ReadMostly {
    line: Arc<Line>,
    control: Vec<u8>,
    inspection: Inspection,
    /// Why the client is to be closed, if what it has sent is not to be read.
    closing: Option<Closing>,
}

impl AsyncRead for ReadMostly {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let io = self.get_mut();
        if io.closing.is_some() {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        let before = buffer.filled().len();
        ready!(io.line.poll_read(cx, buffer))?;
        if let Err(closing) = io.inspection.look(&buffer.filled()[before..]) {
            io.closing.get_or_insert(closing);
        }
        if io.closing.is_some() { Poll::Ready(Err(io::ErrorKind::InvalidData.into())) } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncWrite for ReadMostly {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.control.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
