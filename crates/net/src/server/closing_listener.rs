//! The end of a listener that loses no connection.
//!
//! Closing a listener resets the connections that wait to be accepted, although their clients may have sent a request.
//! Before, the kernel is told to drop the first packet of every further connection. Its client repeats the packet a second
//! later, when the listener is closed, and finds that nothing listens: load balancers then try another node.

use std::io;
use std::time::Duration;

use libc::{BPF_ABS, BPF_ALU, BPF_AND, BPF_B, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, sock_filter};
use socket2::SockRef;
use tokio::net::TcpListener;

/// Time for handshakes that have begun: longer than a round trip, and shorter than the second after which clients repeat
/// their first packet.
pub(super) const HANDSHAKES_WITHIN: Duration = Duration::from_millis(300);

/// Position of the flags in the header of TCP.
const FLAGS: u32 = 13;
const SYN: u32 = 0x02;
const SYN_AND_ACK: u32 = 0x12;

/// The bytes of a packet that pass.
const WHOLE: u32 = u32::MAX;

/// Drops the first packets of further connections from now on. Those whose handshake has begun can be accepted within
/// [`HANDSHAKES_WITHIN`].
pub(super) fn refuse_new_connections(listener: &TcpListener) -> io::Result<()> {
    SockRef::from(listener).attach_filter(&first_packets())
}

/// Returns the filter that drops packets with SYN and without ACK.
fn first_packets() -> [sock_filter; 5] {
    let instruction = |code: u32, k: u32, jt: u8, jf: u8| sock_filter { code: code as u16, jt, jf, k };
    [
        instruction(BPF_LD | BPF_B | BPF_ABS, FLAGS, 0, 0),
        instruction(BPF_ALU | BPF_AND | BPF_K, SYN_AND_ACK, 0, 0),
        instruction(BPF_JMP | BPF_JEQ | BPF_K, SYN, 0, 1),
        instruction(BPF_RET | BPF_K, 0, 0, 0),
        instruction(BPF_RET | BPF_K, WHOLE, 0, 0),
    ]
}
