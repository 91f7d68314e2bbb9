//! The writing side of a socket, for its own task and for whoever fans something out: whole frames, one
//! behind the other.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, SendFlags};
use tokio::io::{Interest, ReadBuf};
use tokio::net::TcpStream;

use crate::stream::Stream;
use crate::ws::sealing::Seal;

/// What is read at once of TLS.
const SEALED_BYTES: usize = 4096;

/// The writing side of a socket.
pub(crate) struct Line {
    tcp: TcpStream,
    /// The bytes are those of TLS.
    is_sealed: bool,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// What the kernel has not taken yet. Only the socket's own task adds to it while there is something, and
    /// then waits until there is nothing.
    rest: Vec<u8>,
    /// Nothing more is taken from others.
    ended: bool,
    /// There if what is written has to be sealed.
    seal: Option<Box<Seal>>,
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
    pub(super) fn new(stream: Stream) -> Self {
        let (tcp, seal) = match stream {
            Stream::Plain(tcp) => (tcp, None),
            Stream::Tls(tls) => {
                let (tcp, session) = tls.into_inner();
                (tcp, Some(Box::new(Seal::new(session))))
            }
        };
        Self { tcp, is_sealed: seal.is_some(), queue: Mutex::new(Queue { seal, ..Queue::default() }) }
    }

    /// Writes frames if that can be done at once. Never waits.
    pub(crate) fn offer(&self, frames: &[u8]) -> Offered {
        let mut queue = self.lock();
        if queue.ended || !queue.rest.is_empty() {
            return Offered::Refused;
        }
        if let Some(seal) = &mut queue.seal {
            // What is sealed has to be sent, or nothing that follows could be opened.
            let sealed = seal.close(frames);
            let written = rustix::net::send(&self.tcp, &sealed, SendFlags::NOSIGNAL).unwrap_or(0);
            queue.rest.extend_from_slice(&sealed[written..]);
            return if queue.rest.is_empty() { Offered::Written } else { Offered::Begun };
        }
        // Past tokio, which would first look up what it knows of the socket: with ten thousand of them that is
        // seldom in the processor's cache, and the kernel knows better.
        match rustix::net::send(&self.tcp, frames, SendFlags::NOSIGNAL) {
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
        let sealed = queue.seal.as_mut().map(|seal| seal.close(frames));
        let bytes = sealed.as_deref().unwrap_or(frames);
        let written = if queue.rest.is_empty() { self.write(bytes)? } else { 0 };
        queue.rest.extend_from_slice(&bytes[written..]);
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
        {
            let mut queue = self.lock();
            let last = queue.seal.as_mut().map(|seal| seal.end()).unwrap_or_default();
            queue.rest.extend_from_slice(&last);
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

    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.is_sealed {
            return self.poll_open(cx, buffer);
        }
        loop {
            ready!(self.tcp.poll_read_ready(cx))?;
            match self.read(buffer.initialize_unfilled()) {
                Ok(read) => {
                    buffer.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Reads sealed bytes until there is something to open.
    fn poll_open(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut sealed = [0; SEALED_BYTES];
        loop {
            {
                let mut queue = self.lock();
                let Queue { seal: Some(seal), rest, .. } = &mut *queue else { return Poll::Ready(Ok(())) };
                if let Some(read) = seal.open(buffer.initialize_unfilled(), rest)? {
                    buffer.advance(read);
                    return Poll::Ready(Ok(()));
                }
            }
            ready!(self.tcp.poll_read_ready(cx))?;
            match self.read(&mut sealed) {
                Ok(read) => {
                    if let Some(seal) = &mut self.lock().seal {
                        seal.take_in(&sealed[..read]);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Reads what there is. A read that leaves room has read all, which spares the next one that would find out.
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = None;
        let tried = self.tcp.try_io(Interest::READABLE, || {
            let (_, count) = rustix::net::recv(&self.tcp, &mut *buffer, RecvFlags::empty())?;
            read = Some(count);
            let is_all = 0 < count && count < buffer.len();
            if is_all { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        read.map_or_else(|| tried.map(|()| 0), Ok)
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    async fn pair() -> (Line, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (peer, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (Line::new(Stream::Plain(accepted.unwrap().0)), peer.unwrap())
    }

    /// Numbered frames of 1 KiB.
    fn frame(nth: u32) -> Vec<u8> {
        nth.to_be_bytes().repeat(256)
    }

    #[tokio::test]
    async fn frames_come_whole_and_in_order_whoever_writes_and_however_full_the_kernel_is() {
        let (line, mut peer) = pair().await;
        line.tcp.writable().await.unwrap();
        let mut written = Vec::new();
        let mut begun = 0;
        // Until the kernel has had enough, and something is kept.
        for nth in 0.. {
            match line.offer(&frame(nth)) {
                Offered::Written => written.push(nth),
                Offered::Begun => {
                    written.push(nth);
                    begun += 1;
                    break;
                }
                Offered::Refused => {
                    line.put(&frame(nth)).unwrap();
                    written.push(nth);
                    break;
                }
            }
        }
        assert!(begun == 1 || !line.is_flushed());
        assert_eq!(line.offer(&frame(u32::MAX)), Offered::Refused, "something is before it");
        let last = written.len() as u32;
        line.put(&frame(last)).unwrap();
        written.push(last);
        let mut read = vec![0; written.len() * 1024];
        let (flushed, received) = tokio::join!(line.flush(), peer.read_exact(&mut read));
        flushed.unwrap();
        received.unwrap();
        assert!(read == written.iter().flat_map(|nth| frame(*nth)).collect::<Vec<u8>>());
        assert_eq!(line.offer(&frame(0)), Offered::Written, "there is room again");
    }

    #[tokio::test]
    async fn behind_the_end_nothing_is_taken_from_others() {
        let (line, mut peer) = pair().await;
        line.end();
        assert_eq!(line.offer(b"tick"), Offered::Refused);
        line.put(b"close").unwrap();
        let mut all = String::new();
        let (shut, read) = tokio::join!(line.shut(), async {
            let read = peer.read_to_string(&mut all).await;
            drop(peer);
            read
        });
        shut.unwrap();
        read.unwrap();
        assert_eq!(all, "close");
    }
}
