//! `deploy/haproxy`.

use std::path::Path;
use std::process::Command;

use crate::balancers::balancer::{Kind, Nodes, shipped, suite};

const HAPROXY: Kind = Kind { command };

suite!(HAPROXY);

fn command(_: &Path, port: u16, nodes: &Nodes) -> Command {
    let mut command = Command::new(harness::program("haproxy", "HAPROXY"));
    command.args(["-db", "-f"]).arg(shipped("haproxy/haproxy.cfg")).env("LISTEN", format!("127.0.0.1:{port}"));
    for (nth, node) in (1..).zip(nodes) {
        command.env(format!("NODE_{nth}"), format!("127.0.0.1:{}", node.public));
        command.env(format!("NODE_{nth}_INTERNAL"), node.internal.to_string());
    }
    command
}
