//! Returns the memory of imported files, and of handshakes, to the operating system.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::node::Node;

/// How often memory is released at most. A release may delay ticks by some milliseconds.
const INTERVAL: Duration = Duration::from_secs(5);

/// Bytes of files after which a release is worth its cost. What is made of a file takes some times its size.
const FILE_BYTES_MIN: u64 = 4 * 1024 * 1024;

/// Sockets after whose handshakes a release is worth its cost. Handshakes that overlap leave free memory between what the
/// connections keep.
const OPENED_MIN: u64 = 1000;

/// What a node has done so far.
#[derive(Clone, Copy)]
struct Work {
    bytes_read: u64,
    opened: u64,
}

impl Work {
    fn of(node: &Node) -> Self {
        Self { bytes_read: node.body_slots.bytes_read(), opened: node.connections.opened() }
    }
}

/// Releases memory after large imports, and after many clients have connected; never returns.
pub(crate) async fn run(node: Arc<Node>) {
    let mut released = Work::of(&node);
    let mut before = released;
    loop {
        sleep(INTERVAL).await;
        let now = Work::of(&node);
        let is_import = now.bytes_read - released.bytes_read >= FILE_BYTES_MIN;
        // While clients connect, further handshakes use the memory.
        let is_calm = now.opened - before.opened < OPENED_MIN;
        let is_burst = now.opened - released.opened >= OPENED_MIN;
        before = now;
        if is_import || (is_burst && is_calm) {
            released = now;
            // A panic is none of the caller's: the memory stays until the next release.
            spawn_blocking(allocator::release_free_memory).await.ok();
        }
    }
}
