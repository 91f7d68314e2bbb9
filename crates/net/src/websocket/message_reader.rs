//! Reads messages: bytes from the socket pass the limits, and tungstenite parses them. A connection has a parser and its
//! buffer only while it receives a message.

use std::io::{self, Read, Write};
use std::task::{Context, Poll, ready};

use tokio::io::ReadBuf;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};

use crate::limits::ConnectionLimits;
use crate::websocket::{CloseReason, Disconnected, InboundLimiter, SocketWriter};

/// Size of the parser's buffer, which grows to the size of a larger message. Tungstenite clears the buffer at each read,
/// and most messages are shorter.
const READ_BUFFER: usize = 1024;

/// The messages of one client.
pub(super) struct MessageReader {
    limiter: InboundLimiter,
    /// `None` between messages: ten thousand idle connections hold no parser and no buffer.
    parser: Option<Box<WebSocketContext>>,
    /// Set when the client has exceeded a limit; nothing more is read then.
    close_reason: Option<CloseReason>,
    /// Answers of the parser, such as pongs, that are not written yet.
    deferred: Vec<u8>,
}

impl MessageReader {
    /// Creates the reader of a socket from which some bytes were received already.
    pub(super) fn new(received: Vec<u8>, limits: &ConnectionLimits) -> Self {
        let mut limiter = InboundLimiter::new(limits);
        let close_reason = limiter.check(&received).err();
        let received = if close_reason.is_none() { received } else { Vec::new() };
        // The stream may hold further bytes that no readiness of the socket announces: a TLS record is decrypted as a
        // whole. The first parser therefore begins before anything is readable.
        let parser = Some(parser(received, limiter.message_bytes()));
        Self { limiter, parser, close_reason, deferred: Vec::new() }
    }

    /// Waits for the next message.
    pub(super) fn poll_next(
        &mut self,
        writer: &SocketWriter,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Message, Disconnected>> {
        let parser = match &mut self.parser {
            Some(parser) => parser,
            none => {
                if ready!(writer.poll_readable(cx)).is_err() {
                    return Poll::Ready(Err(Disconnected::Broken));
                }
                none.insert(parser(Vec::new(), self.limiter.message_bytes()))
            }
        };
        let Self { limiter, close_reason, deferred, .. } = self;
        let read = parser.read(&mut Connection { writer, cx, limiter, close_reason, deferred });
        match read {
            Ok(message) => Poll::Ready(Ok(message)),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                if self.limiter.is_between_messages() {
                    self.parser = None;
                }
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(self.disconnected(&error))),
        }
    }

    /// Makes the parser write its answer to a ping or a close frame now; otherwise it waits for the next read.
    pub(super) fn defer_answers(&mut self) {
        if let Some(parser) = &mut self.parser {
            parser.flush(&mut Answers(&mut self.deferred)).ok();
        }
    }

    /// Takes the answers that are not written yet.
    pub(super) fn take_deferred(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.deferred)
    }

    fn disconnected(&mut self, error: &Error) -> Disconnected {
        let reason = if let Error::Capacity(CapacityError::MessageTooLong { .. }) = error {
            Some(CloseReason::TooLarge(self.limiter.message_bytes()))
        } else if let Error::Utf8(_) = error {
            Some(CloseReason::InvalidUtf8)
        } else if let Error::Protocol(violation) = error {
            (*violation != ProtocolError::ResetWithoutClosingHandshake).then_some(CloseReason::Protocol)
        } else {
            self.close_reason.take()
        };
        reason.map_or(Disconnected::Broken, Disconnected::Close)
    }
}

/// Creates a parser that begins with received bytes.
fn parser(received: Vec<u8>, message_bytes: usize) -> Box<WebSocketContext> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(message_bytes))
        .max_frame_size(Some(message_bytes));
    Box::new(WebSocketContext::from_partially_read(received, Role::Server, Some(config)))
}

/// The connection as the parser sees it while a task polls: reads pass the limits, and answers are deferred, so that they
/// are sent between whole frames.
struct Connection<'c, 'w> {
    writer: &'c SocketWriter,
    cx: &'c mut Context<'w>,
    limiter: &'c mut InboundLimiter,
    close_reason: &'c mut Option<CloseReason>,
    deferred: &'c mut Vec<u8>,
}

impl Read for Connection<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.close_reason.is_some() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut buffer = ReadBuf::new(buffer);
        match self.writer.poll_read(self.cx, &mut buffer) {
            Poll::Ready(read) => read?,
            Poll::Pending => return Err(io::ErrorKind::WouldBlock.into()),
        }
        match self.limiter.check(buffer.filled()) {
            Ok(()) => Ok(buffer.filled().len()),
            Err(reason) => {
                *self.close_reason = Some(reason);
                Err(io::ErrorKind::InvalidData.into())
            }
        }
    }
}

impl Write for Connection<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.deferred.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The answers of a parser that reads nothing.
struct Answers<'c>(&'c mut Vec<u8>);

impl Read for Answers<'_> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Answers<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

    use super::*;
    use crate::limits::SignalTexts;
    use crate::stream::ClientStream;

    const LIMITS: ConnectionLimits = ConnectionLimits {
        messages_per_second: 1000,
        message_burst: 1000,
        message_bytes: 100_000,
        signals: SignalTexts::NONE,
    };

    async fn pair() -> (SocketWriter, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (peer, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (SocketWriter::new(ClientStream::Plain(accepted.unwrap().0)), peer.unwrap())
    }

    fn masked(mut frame: Frame) -> Vec<u8> {
        frame.header_mut().mask = Some([1, 2, 3, 4]);
        let mut bytes = Vec::new();
        frame.format(&mut bytes).unwrap();
        bytes
    }

    fn data(kind: Data, payload: &[u8], is_final: bool) -> Vec<u8> {
        masked(Frame::message(payload.to_vec(), OpCode::Data(kind), is_final))
    }

    /// Reads what has arrived, to its end; returns the messages.
    fn read_all(reader: &mut MessageReader, writer: &SocketWriter) -> Vec<Message> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut messages = Vec::new();
        while let Poll::Ready(message) = reader.poll_next(writer, &mut cx) {
            messages.push(message.unwrap());
            reader.defer_answers();
        }
        messages
    }

    #[tokio::test]
    async fn a_reader_has_a_parser_only_within_a_message_however_it_is_split() {
        let parts = [
            data(Data::Text, "ä".as_bytes(), false),
            masked(Frame::ping(b"p".as_slice())),
            data(Data::Continue, b"b", true),
        ];
        let message = parts.concat();
        let sent = [Message::Ping(b"p".as_slice().into()), Message::text("äb")];
        let (writer, mut peer) = pair().await;
        let mut reader = MessageReader::new(Vec::new(), &LIMITS);
        assert_eq!(read_all(&mut reader, &writer), []);
        assert!(reader.parser.is_none(), "nothing was sent");
        for cut in 1..message.len() {
            let mut received = Vec::new();
            let (first, rest) = message.split_at(cut);
            for (part, is_last) in [(first, false), (rest, true)] {
                peer.write_all(part).await.unwrap();
                std::future::poll_fn(|cx| writer.poll_readable(cx)).await.unwrap();
                received.extend(read_all(&mut reader, &writer));
                assert_eq!(reader.parser.is_none(), is_last, "{cut} bytes of {}", message.len());
            }
            assert_eq!(received, sent, "after {cut} bytes");
            assert_eq!(reader.take_deferred(), [0x8a, 1, b'p'], "the pong");
        }
    }

    #[tokio::test]
    async fn bytes_that_came_with_the_handshake_are_read_first() {
        let text = data(Data::Text, b"hello", true);
        let (writer, mut peer) = pair().await;
        let mut reader = MessageReader::new(text[..4].to_vec(), &LIMITS);
        assert_eq!(read_all(&mut reader, &writer), []);
        assert!(reader.parser.is_some(), "the message is incomplete");
        peer.write_all(&text[4..]).await.unwrap();
        std::future::poll_fn(|cx| writer.poll_readable(cx)).await.unwrap();
        assert_eq!(read_all(&mut reader, &writer), [Message::text("hello")]);
        assert!(reader.parser.is_none());
    }
}
