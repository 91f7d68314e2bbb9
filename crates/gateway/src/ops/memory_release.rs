//! Returns the memory of imported files to the operating system.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::node::Node;

/// How often memory is released at most. A release may delay ticks by some milliseconds.
const INTERVAL: Duration = Duration::from_secs(5);

/// Bytes of files after which a release is worth its cost. What is made of a file takes some times its size.
const FILE_BYTES_MIN: u64 = 4 * 1024 * 1024;

/// Releases memory after large imports; never returns.
pub(crate) async fn run(node: Arc<Node>) {
    let mut released_at = 0;
    loop {
        sleep(INTERVAL).await;
        let read = node.body_slots.bytes_read();
        if read - released_at >= FILE_BYTES_MIN {
            released_at = read;
            // A panic is none of the caller's: the memory stays until the next release.
            spawn_blocking(allocator::release_free_memory).await.ok();
        }
    }
}
