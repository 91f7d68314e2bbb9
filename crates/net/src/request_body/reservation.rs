//! Shares of the memory for large bodies.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Most bytes of large bodies that are read at once, in KiB: eight of the largest bodies that Clockit takes by default.
/// What is made of a body takes some times its size.
pub(super) const TOTAL_KIB: usize = 64 * 1024;

/// How long a body waits for its share. Clients usually give up after 30 s; most bodies take less than one.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The share of one body; dropping it releases it.
pub(super) struct Reservation<'m> {
    _permit: SemaphorePermit<'m>,
}

impl<'m> Reservation<'m> {
    /// Waits for a share of this size, in the order of the requests; a body that is larger than all of it waits until it
    /// is alone. `None` if it takes too long.
    pub(super) async fn acquire(memory_kib: &'m Semaphore, bytes: u64) -> Option<Self> {
        let kib = u32::try_from(bytes.div_ceil(1024).min(TOTAL_KIB as u64)).ok()?;
        let permit = timeout(WAIT_MAX, memory_kib.acquire_many(kib)).await.ok()?.ok()?;
        Some(Self { _permit: permit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_waits_for_its_share_and_for_so_long_only() {
        let memory = Semaphore::new(TOTAL_KIB);
        let all = Reservation::acquire(&memory, u64::MAX).await.unwrap();
        assert!(Reservation::acquire(&memory, 1).await.is_none());
        let (waiting, ()) = tokio::join!(Reservation::acquire(&memory, 2048), async {
            tokio::time::sleep(Duration::from_secs(1)).await; // tidy: allow: the clock is paused
            drop(all);
        });
        assert!(waiting.is_some());
    }
}
