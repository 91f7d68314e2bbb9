//! One direction of one connection.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::{Pipe, State};

/// Most bytes in flight; as in a network, the sender waits beyond it.
const IN_FLIGHT_MAX: usize = 1 << 20;

/// Data that was read but not written yet, with the time of each write.
#[derive(Default)]
struct InFlight {
    chunks: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
}

/// Forwards data until the sender has ended and all data has been written.
///
/// # Errors
/// The connection must be reset: a side has failed, or the pipe dropped data and is open again.
pub(super) async fn forward(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut state: watch::Receiver<State>,
    pipe: fn(&State) -> Pipe,
    lost_bytes: &AtomicU64,
) -> io::Result<()> {
    let mut in_flight = InFlight::default();
    let mut buffer = vec![0; 64 * 1024];
    // The sender's end, which is forwarded after the last byte.
    let mut ended: Option<io::Result<()>> = None;
    let mut lost = false;
    loop {
        let current = pipe(&state.borrow_and_update());
        if current.is_open() {
            if lost {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            if in_flight.chunks.is_empty()
                && let Some(ended) = ended.take()
            {
                ended?;
                return to.shutdown().await;
            }
        }
        let due = in_flight.chunks.front().map(|(due, _)| *due).filter(|_| current.is_open());
        tokio::select! {
            changed = state.changed() => changed.map_err(|_| io::ErrorKind::ConnectionReset)?,
            () = at(due) => if let Some((_, chunk)) = in_flight.chunks.pop_front() {
                in_flight.bytes -= chunk.len();
                to.write_all(&chunk).await?;
            },
            read = from.read(&mut buffer), if ended.is_none() && in_flight.bytes < IN_FLIGHT_MAX => {
                match (read, current) {
                    (Ok(0), Pipe::Dropped) | (Err(_), Pipe::Dropped) => {
                        lost = true;
                        ended = Some(Ok(()));
                    }
                    (Ok(0), _) => ended = Some(Ok(())),
                    (Err(error), _) => ended = Some(Err(error)),
                    (Ok(length), Pipe::Dropped) => {
                        lost = true;
                        lost_bytes.fetch_add(length as u64, Ordering::Relaxed);
                    }
                    (Ok(length), Pipe::Open(delay)) => in_flight.push(Instant::now() + delay, &buffer[..length]),
                    (Ok(length), Pipe::Held) => in_flight.push(Instant::now(), &buffer[..length]),
                }
            }
        }
    }
}

impl InFlight {
    fn push(&mut self, due: Instant, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.chunks.push_back((due, bytes.to_vec()));
    }
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await, // tidy: allow: the delay is requested by a test
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

    use crate::{Pipe, Proxy};

    const DELAY: Duration = Duration::from_millis(100);
    const PAUSE: Duration = Duration::from_millis(50);

    use super::*;

    #[tokio::test]
    async fn data_and_ends_are_forwarded_in_both_directions() {
        let (_proxy, mut client, mut server) = connect().await;
        client.write_all(b"ask").await.unwrap();
        assert_eq!(read(&mut server).await.unwrap(), b"ask");
        server.write_all(b"answer").await.unwrap();
        assert_eq!(read(&mut client).await.unwrap(), b"answer");
        client.shutdown().await.unwrap();
        assert_eq!(read(&mut server).await.unwrap(), b"");
        server.write_all(b"last").await.unwrap();
        drop(server);
        assert_eq!(read(&mut client).await.unwrap(), b"last");
        assert_eq!(read(&mut client).await.unwrap(), b"");
    }

    #[tokio::test]
    async fn a_dropping_pipe_is_silent_and_the_other_direction_works_until_the_connection_is_reset() {
        let (proxy, mut client, mut server) = connect().await;
        proxy.set(Pipe::Dropped, Pipe::FREE);
        client.write_all(b"lost").await.unwrap();
        server.write_all(b"heard").await.unwrap();
        assert_eq!(read(&mut client).await.unwrap(), b"heard");
        assert!(timeout(PAUSE, read(&mut server)).await.is_err(), "nothing arrives");
        assert_eq!(proxy.lost_bytes(), 4);
        proxy.heal();
        assert!(read(&mut client).await.is_err() && read(&mut server).await.is_err(), "data is missing");
    }

    #[tokio::test]
    async fn an_end_is_dropped_too() {
        let (proxy, client, mut server) = connect().await;
        proxy.set(Pipe::Dropped, Pipe::Dropped);
        drop(client);
        assert!(timeout(PAUSE, read(&mut server)).await.is_err(), "half open");
        proxy.heal();
        assert!(read(&mut server).await.is_err());
    }

    #[tokio::test]
    async fn held_data_arrives_when_the_pipe_opens() {
        let (proxy, mut client, mut server) = connect().await;
        proxy.set(Pipe::Held, Pipe::Held);
        client.write_all(b"late").await.unwrap();
        client.shutdown().await.unwrap();
        assert!(timeout(PAUSE, read(&mut server)).await.is_err(), "nothing arrives");
        proxy.heal();
        assert_eq!(read(&mut server).await.unwrap(), b"late");
        assert_eq!(read(&mut server).await.unwrap(), b"");
    }

    #[tokio::test]
    async fn a_delay_applies_to_its_own_direction_only() {
        let (proxy, mut client, mut server) = connect().await;
        proxy.set(Pipe::Open(DELAY), Pipe::FREE);
        let sent = Instant::now();
        client.write_all(b"slow").await.unwrap();
        server.write_all(b"quick").await.unwrap();
        assert_eq!(read(&mut client).await.unwrap(), b"quick");
        assert_eq!(read(&mut server).await.unwrap(), b"slow");
        assert!(sent.elapsed() >= DELAY);
    }

    #[tokio::test]
    async fn a_reset_ends_open_and_waiting_connections_but_no_new_ones() {
        let (proxy, mut client, mut server) = connect().await;
        proxy.set(Pipe::Held, Pipe::FREE);
        let mut waiting = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        assert!(timeout(PAUSE, read(&mut waiting)).await.is_err(), "the connection is not rejected");
        proxy.reset();
        assert!(
            read(&mut client).await.is_err() && read(&mut server).await.is_err() && read(&mut waiting).await.is_err()
        );
    }

    #[tokio::test]
    async fn new_connections_go_to_the_new_target_and_open_ones_stay() {
        let (proxy, mut client, mut server) = connect().await;
        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        proxy.redirect_to(other.local_addr().unwrap().port());
        let mut second = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        let (mut there, _) = other.accept().await.unwrap();
        second.write_all(b"new").await.unwrap();
        client.write_all(b"old").await.unwrap();
        assert_eq!(read(&mut there).await.unwrap(), b"new");
        assert_eq!(read(&mut server).await.unwrap(), b"old");
    }

    #[tokio::test]
    async fn an_unreachable_server_resets_the_client() {
        let proxy = Proxy::start(crate::free_port()).await;
        let mut client = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        assert!(read(&mut client).await.is_err());
    }

    async fn connect() -> (Proxy, TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::start(listener.local_addr().unwrap().port()).await;
        let client = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        (proxy, client, server)
    }

    async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; 100];
        let length = timeout(crate::DEADLINE, stream.read(&mut bytes)).await.expect("data in time")?;
        bytes.truncate(length);
        Ok(bytes)
    }
}
