//! Commands that start Redis and Tickcast nodes.

use std::path::Path;
use std::process::Command;

/// The ports of a node.
#[derive(Clone, Copy)]
pub(crate) struct NodePorts {
    pub(crate) public: u16,
    pub(crate) internal: u16,
}

/// Returns a Redis on the loopback address that writes nothing to disk.
pub(crate) fn redis(program: &Path, port: u16) -> Command {
    let mut command = Command::new(program);
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command
}

/// Returns a node that stores in the Redis at a port.
pub(crate) fn tickcast(program: &Path, redis: u16, ports: NodePorts) -> Command {
    let mut command = Command::new(program);
    command
        .env("TICKCAST__STORE__URL", format!("redis://127.0.0.1:{redis}"))
        .env("TICKCAST__PUBLIC__LISTEN", format!("127.0.0.1:{}", ports.public))
        .env("TICKCAST__INTERNAL__LISTEN", format!("127.0.0.1:{}", ports.internal));
    command
}
