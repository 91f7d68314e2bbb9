//! The write side of a socket, shared by the connection's task and the fan-out: whole frames, in order.

use std::io;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use rustix::net::{RecvFlags, SendFlags};
use tokio::io::{Interest, ReadBuf};
use tokio::net::TcpStream;

use crate::stream::ClientStream;
use crate::websocket::tls_session::TlsSession;

/// Bytes of TLS that are read at once.
const ENCRYPTED_BYTES: usize = 4096;

/// The write side of a socket.
pub struct SocketWriter {
    tcp: TcpStream,
    is_encrypted: bool,
    queue: Mutex<WriteQueue>,
}

#[derive(Default)]
struct WriteQueue {
    /// Bytes that the kernel has not accepted yet. While there are some, only the socket's own task adds to them, and
    /// then it waits until there are none.
    pending: Vec<u8>,
    /// Frames are no longer accepted from others than the socket's own task.
    is_closed: bool,
    /// Present if the connection is encrypted.
    tls: Option<Box<TlsSession>>,
}

/// The result of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteResult {
    /// The kernel accepted all bytes.
    Written,
    /// The kernel accepted a part; the socket's own task must flush the rest.
    InFlight,
    /// Nothing was written.
    Refused,
}

impl SocketWriter {
    pub(super) fn new(stream: ClientStream) -> Self {
        let (tcp, tls) = match stream {
            ClientStream::Plain(tcp) => (tcp, None),
            ClientStream::Tls(tls) => {
                let (tcp, connection) = tls.into_inner();
                (tcp, Some(Box::new(TlsSession::new(connection))))
            }
        };
        Self { tcp, is_encrypted: tls.is_some(), queue: Mutex::new(WriteQueue { tls, ..WriteQueue::default() }) }
    }

    /// Writes frames if that is possible at once. Never waits.
    pub fn offer(&self, frames: &[u8]) -> WriteResult {
        let mut queue = self.queue.lock();
        if queue.is_closed || !queue.pending.is_empty() {
            return WriteResult::Refused;
        }
        if let Some(tls) = &mut queue.tls {
            // Encrypted bytes must be sent, or the client can't decrypt those that follow.
            let encrypted = tls.encrypt(frames);
            let written = rustix::net::send(&self.tcp, &encrypted, SendFlags::NOSIGNAL).unwrap_or(0);
            queue.pending.extend_from_slice(&encrypted[written..]);
            return if queue.pending.is_empty() { WriteResult::Written } else { WriteResult::InFlight };
        }
        // Bypasses tokio, which would first look up the readiness of the socket: among ten thousand sockets that is
        // rarely in the processor's cache, and the kernel knows better.
        match rustix::net::send(&self.tcp, frames, SendFlags::NOSIGNAL) {
            Ok(written) if written == frames.len() => WriteResult::Written,
            Ok(written) => {
                queue.pending.extend_from_slice(&frames[written..]);
                WriteResult::InFlight
            }
            // The socket's own task finds the error when it reads.
            Err(_) => WriteResult::Refused,
        }
    }

    /// Writes frames after the pending bytes, as far as the kernel accepts them. Never waits.
    pub(crate) fn write(&self, frames: &[u8]) -> io::Result<()> {
        let mut queue = self.queue.lock();
        let encrypted = queue.tls.as_mut().map(|tls| tls.encrypt(frames));
        let bytes = encrypted.as_deref().unwrap_or(frames);
        let written = if queue.pending.is_empty() { self.try_write(bytes)? } else { 0 };
        queue.pending.extend_from_slice(&bytes[written..]);
        Ok(())
    }

    /// Returns whether the kernel has accepted all bytes.
    pub(crate) fn is_flushed(&self) -> bool {
        self.queue.lock().pending.is_empty()
    }

    /// Waits until the kernel has accepted all bytes.
    pub(super) async fn flush(&self) -> io::Result<()> {
        while !self.flush_part().await? {}
        Ok(())
    }

    /// Waits until the kernel has accepted some bytes; returns whether it has accepted all. Cancel-safe.
    pub(super) async fn flush_part(&self) -> io::Result<bool> {
        loop {
            {
                let mut queue = self.queue.lock();
                let written = self.try_write(&queue.pending)?;
                queue.pending.drain(..written);
                if queue.pending.is_empty() {
                    // Large buffers are rare; ten thousand connections must not keep theirs.
                    queue.pending = Vec::new();
                    return Ok(true);
                }
                if written > 0 {
                    return Ok(false);
                }
            }
            self.tcp.writable().await?;
        }
    }

    /// Refuses all further offers.
    pub(super) fn close_offers(&self) {
        self.queue.lock().is_closed = true;
    }

    /// Announces the end of the stream to the client and reads until the client ends its own.
    pub(super) async fn shutdown(&self) -> io::Result<()> {
        {
            let mut queue = self.queue.lock();
            let last = queue.tls.as_mut().map(|tls| tls.close_notify()).unwrap_or_default();
            queue.pending.extend_from_slice(&last);
        }
        self.flush().await?;
        rustix::net::shutdown(&self.tcp, rustix::net::Shutdown::Write)?;
        let mut sink = vec![0; 1024];
        loop {
            self.tcp.readable().await?;
            match self.tcp.try_read(&mut sink) {
                Ok(0) => return Ok(()),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Waits until the client has sent something. Decrypted bytes that were not read before do not count.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp.poll_read_ready(cx)
    }

    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.is_encrypted {
            return self.poll_read_encrypted(cx, buffer);
        }
        loop {
            ready!(self.tcp.poll_read_ready(cx))?;
            match self.try_read(buffer.initialize_unfilled()) {
                Ok(read) => {
                    buffer.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Reads until there are bytes to decrypt.
    fn poll_read_encrypted(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut encrypted = [0; ENCRYPTED_BYTES];
        loop {
            {
                let mut queue = self.queue.lock();
                let WriteQueue { tls: Some(tls), pending, .. } = &mut *queue else { return Poll::Ready(Ok(())) };
                if let Some(read) = tls.decrypt(buffer.initialize_unfilled(), pending)? {
                    buffer.advance(read);
                    return Poll::Ready(Ok(()));
                }
            }
            ready!(self.tcp.poll_read_ready(cx))?;
            match self.try_read(&mut encrypted) {
                Ok(read) => {
                    if let Some(tls) = &mut self.queue.lock().tls {
                        tls.receive(&encrypted[..read]);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Reads the bytes that have arrived. A read that leaves space in the buffer has read them all; reporting that
    /// spares a second read, which would only find nothing.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = None;
        let tried = self.tcp.try_io(Interest::READABLE, || {
            let (_, count) = rustix::net::recv(&self.tcp, &mut *buffer, RecvFlags::empty())?;
            read = Some(count);
            let is_all = 0 < count && count < buffer.len();
            if is_all { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        read.map_or_else(|| tried.map(|()| 0), Ok)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.tcp.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            written => written,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    async fn pair() -> (SocketWriter, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (peer, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (SocketWriter::new(ClientStream::Plain(accepted.unwrap().0)), peer.unwrap())
    }

    /// Numbered frames of 1 KiB.
    fn frame(nth: u32) -> Vec<u8> {
        nth.to_be_bytes().repeat(256)
    }

    #[tokio::test]
    async fn frames_arrive_whole_and_in_order_from_every_writer_however_full_the_kernel_is() {
        let (writer, mut peer) = pair().await;
        writer.tcp.writable().await.unwrap();
        let mut written = Vec::new();
        let mut in_flight = 0;
        // Until the kernel accepts no more and bytes are pending.
        for nth in 0.. {
            match writer.offer(&frame(nth)) {
                WriteResult::Written => written.push(nth),
                WriteResult::InFlight => {
                    written.push(nth);
                    in_flight += 1;
                    break;
                }
                WriteResult::Refused => {
                    writer.write(&frame(nth)).unwrap();
                    written.push(nth);
                    break;
                }
            }
        }
        assert!(in_flight == 1 || !writer.is_flushed());
        assert_eq!(writer.offer(&frame(u32::MAX)), WriteResult::Refused, "bytes are pending");
        let last = written.len() as u32;
        writer.write(&frame(last)).unwrap();
        written.push(last);
        let mut read = vec![0; written.len() * 1024];
        let (flushed, received) = tokio::join!(writer.flush(), peer.read_exact(&mut read));
        flushed.unwrap();
        received.unwrap();
        assert!(read == written.iter().flat_map(|nth| frame(*nth)).collect::<Vec<u8>>());
        assert_eq!(writer.offer(&frame(0)), WriteResult::Written, "the kernel accepts bytes again");
    }

    #[tokio::test]
    async fn after_the_close_no_offer_is_accepted() {
        let (writer, mut peer) = pair().await;
        writer.close_offers();
        assert_eq!(writer.offer(b"tick"), WriteResult::Refused);
        writer.write(b"close").unwrap();
        let mut all = String::new();
        let (shut, read) = tokio::join!(writer.shutdown(), async {
            let read = peer.read_to_string(&mut all).await;
            drop(peer);
            read
        });
        shut.unwrap();
        read.unwrap();
        assert_eq!(all, "close");
    }
}
