//! The writing side of a socket, for its own task and for whoever fans something out: whole frames, one
//! behind the other.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::ReadBuf;
use tokio::net::TcpStream;

/// The writing side of a socket.
pub(crate) struct Line {
    tcp: TcpStream,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// What the kernel has not taken yet. Only the socket's own task adds to it while there is something, and
    /// then waits until there is nothing.
    rest: Vec<u8>,
    /// Nothing more is taken from others.
    ended: bool,
}

/// What became of frames that were offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// The kernel has them.
    Written,
    /// The kernel has a part; the socket's own task must see to the rest.
    Begun,
    /// Nothing was written of them.
    Refused,
}

impl Line {
    pub(super) fn new(tcp: TcpStream) -> Self {
        Self { tcp, queue: Mutex::default() }
    }

    /// Writes frames if that can be done at once. Never waits.
    pub(crate) fn offer(&self, frames: &[u8]) -> Offered {
        let mut queue = self.lock();
        if queue.ended || !queue.rest.is_empty() {
            return Offered::Refused;
        }
        match self.tcp.try_write(frames) {
            Ok(written) if written == frames.len() => Offered::Written,
            Ok(written) => {
                queue.rest.extend_from_slice(&frames[written..]);
                Offered::Begun
            }
            // What is wrong, its own task finds when it reads.
            Err(_) => Offered::Refused,
        }
    }

    /// Writes frames behind what is still to be written, as far as the kernel takes them. Never waits.
    pub(super) fn put(&self, frames: &[u8]) -> io::Result<()> {
        let mut queue = self.lock();
        let written = if queue.rest.is_empty() { self.write(frames)? } else { 0 };
        queue.rest.extend_from_slice(&frames[written..]);
        Ok(())
    }

    /// Tells whether the kernel has everything.
    pub(super) fn is_flushed(&self) -> bool {
        self.lock().rest.is_empty()
    }

    /// Waits until the kernel has everything.
    pub(super) async fn flush(&self) -> io::Result<()> {
        loop {
            {
                let mut queue = self.lock();
                let written = self.write(&queue.rest)?;
                queue.rest.drain(..written);
                if queue.rest.is_empty() {
                    // Large ones are seldom; ten thousand connections do not keep theirs.
                    queue.rest = Vec::new();
                    return Ok(());
                }
            }
            self.tcp.writable().await?;
        }
    }

    /// Takes nothing more from others.
    pub(super) fn end(&self) {
        self.lock().ended = true;
    }

    /// Tells the peer that nothing more comes, and reads until it says the same.
    pub(super) async fn shut(&self) -> io::Result<()> {
        rustix::net::shutdown(&self.tcp, rustix::net::Shutdown::Write)?;
        let mut sink = [0; 1024];
        loop {
            self.tcp.readable().await?;
            match self.tcp.try_read(&mut sink) {
                Ok(0) => return Ok(()),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
    }

    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.tcp.poll_read_ready(cx))?;
            match self.tcp.try_read(buffer.initialize_unfilled()) {
                Ok(read) => {
                    buffer.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.tcp.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            written => written,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
