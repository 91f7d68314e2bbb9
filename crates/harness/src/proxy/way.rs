//! One way of one connection.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::{State, Way};

/// Most bytes that are under way; as in a network, a sender that is ahead by more has to wait.
const UNDER_WAY_MAX: usize = 1 << 20;

/// What was read and is not written yet, each with its time.
#[derive(Default)]
struct UnderWay {
    chunks: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
}

/// Carries bytes until the sender is done and all of them have arrived.
///
/// # Errors
/// The connection has to be reset: a side broke it, or it lost bytes and its way is open again.
pub(super) async fn carry(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut state: watch::Receiver<State>,
    way: fn(&State) -> Way,
    lost_bytes: &AtomicU64,
) -> io::Result<()> {
    let mut under_way = UnderWay::default();
    let mut buffer = vec![0; 64 * 1024];
    // How the sender ended, which is told behind the last byte.
    let mut ended: Option<io::Result<()>> = None;
    let mut lost = false;
    loop {
        let now_way = way(&state.borrow_and_update());
        if now_way.is_open() {
            if lost {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            if under_way.chunks.is_empty()
                && let Some(ended) = ended.take()
            {
                ended?;
                return to.shutdown().await;
            }
        }
        let due = under_way.chunks.front().map(|(due, _)| *due).filter(|_| now_way.is_open());
        tokio::select! {
            changed = state.changed() => changed.map_err(|_| io::ErrorKind::ConnectionReset)?,
            () = at(due) => if let Some((_, chunk)) = under_way.chunks.pop_front() {
                under_way.bytes -= chunk.len();
                to.write_all(&chunk).await?;
            },
            read = from.read(&mut buffer), if ended.is_none() && under_way.bytes < UNDER_WAY_MAX => {
                match (read, now_way) {
                    (Ok(0), Way::Swallowed) | (Err(_), Way::Swallowed) => {
                        lost = true;
                        ended = Some(Ok(()));
                    }
                    (Ok(0), _) => ended = Some(Ok(())),
                    (Err(error), _) => ended = Some(Err(error)),
                    (Ok(length), Way::Swallowed) => {
                        lost = true;
                        lost_bytes.fetch_add(length as u64, Ordering::Relaxed);
                    }
                    (Ok(length), Way::Open(delay)) => under_way.push(Instant::now() + delay, &buffer[..length]),
                    (Ok(length), Way::Held) => under_way.push(Instant::now(), &buffer[..length]),
                }
            }
        }
    }
}

impl UnderWay {
    fn push(&mut self, due: Instant, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.chunks.push_back((due, bytes.to_vec()));
    }
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await, // tidy: allow: the delay is what a test asks the proxy for
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

    use crate::{Proxy, Way};

    const DELAY: Duration = Duration::from_millis(100);
    const WHILE: Duration = Duration::from_millis(50);

    use super::*;

    #[tokio::test]
    async fn bytes_go_both_ways_and_ends_are_passed_on() {
        let (_proxy, mut client, mut server) = linked().await;
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
    async fn a_way_that_swallows_is_silent_and_the_other_goes_on_until_the_link_is_reset() {
        let (proxy, mut client, mut server) = linked().await;
        proxy.set(Way::Swallowed, Way::FREE);
        client.write_all(b"lost").await.unwrap();
        server.write_all(b"heard").await.unwrap();
        assert_eq!(read(&mut client).await.unwrap(), b"heard");
        assert!(timeout(WHILE, read(&mut server)).await.is_err(), "nothing arrives");
        assert_eq!(proxy.lost_bytes(), 4);
        proxy.heal();
        assert!(read(&mut client).await.is_err() && read(&mut server).await.is_err(), "bytes are missing");
    }

    #[tokio::test]
    async fn an_end_is_swallowed_too() {
        let (proxy, client, mut server) = linked().await;
        proxy.set(Way::Swallowed, Way::Swallowed);
        drop(client);
        assert!(timeout(WHILE, read(&mut server)).await.is_err(), "half open");
        proxy.heal();
        assert!(read(&mut server).await.is_err());
    }

    #[tokio::test]
    async fn what_is_held_arrives_when_the_way_opens() {
        let (proxy, mut client, mut server) = linked().await;
        proxy.set(Way::Held, Way::Held);
        client.write_all(b"late").await.unwrap();
        client.shutdown().await.unwrap();
        assert!(timeout(WHILE, read(&mut server)).await.is_err(), "nothing arrives");
        proxy.heal();
        assert_eq!(read(&mut server).await.unwrap(), b"late");
        assert_eq!(read(&mut server).await.unwrap(), b"");
    }

    #[tokio::test]
    async fn a_delay_is_kept_on_its_own_way_only() {
        let (proxy, mut client, mut server) = linked().await;
        proxy.set(Way::Open(DELAY), Way::FREE);
        let sent = Instant::now();
        client.write_all(b"slow").await.unwrap();
        server.write_all(b"quick").await.unwrap();
        assert_eq!(read(&mut client).await.unwrap(), b"quick");
        assert_eq!(read(&mut server).await.unwrap(), b"slow");
        assert!(sent.elapsed() >= DELAY);
    }

    #[tokio::test]
    async fn a_reset_ends_open_links_and_those_that_wait_but_no_new_ones() {
        let (proxy, mut client, mut server) = linked().await;
        proxy.set(Way::Held, Way::FREE);
        let mut waits = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        assert!(timeout(WHILE, read(&mut waits)).await.is_err(), "it is not refused");
        proxy.reset();
        assert!(
            read(&mut client).await.is_err() && read(&mut server).await.is_err() && read(&mut waits).await.is_err()
        );
    }

    #[tokio::test]
    async fn new_links_lead_to_the_new_target_and_old_ones_stay() {
        let (proxy, mut client, mut server) = linked().await;
        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        proxy.lead_to(other.local_addr().unwrap().port());
        let mut second = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        let (mut there, _) = other.accept().await.unwrap();
        second.write_all(b"new").await.unwrap();
        client.write_all(b"old").await.unwrap();
        assert_eq!(read(&mut there).await.unwrap(), b"new");
        assert_eq!(read(&mut server).await.unwrap(), b"old");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_resets_the_client() {
        let proxy = Proxy::start(crate::free_port()).await;
        let mut client = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        assert!(read(&mut client).await.is_err());
    }

    async fn linked() -> (Proxy, TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::start(listener.local_addr().unwrap().port()).await;
        let client = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        (proxy, client, server)
    }

    async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; 100];
        let length = timeout(crate::DEADLINE, stream.read(&mut bytes)).await.expect("something in time")?;
        bytes.truncate(length);
        Ok(bytes)
    }
}
