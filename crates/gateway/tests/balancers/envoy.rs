//! `deploy/envoy`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::balancers::balancer::{Kind, Nodes, shipped, suite, with};

const ENVOY: Kind = Kind { command };

suite!(ENVOY);

fn command(folder: &Path, port: u16, nodes: &Nodes) -> Command {
    let place = |address: &str, port: u16| format!("{{ address: {address}, port_value: {port} }}");
    let mut replaced = vec![(place("0.0.0.0", 8080), place("127.0.0.1", port))];
    let check = |port: u16| format!("\n                  health_check_config: {{ port_value: {port} }}");
    for (nth, node) in (1..).zip(nodes) {
        let shipped = place(&format!("127.0.0.1{nth}"), 4000) + " }" + &check(9000);
        replaced.push((shipped, place("127.0.0.1", node.public) + " }" + &check(node.internal)));
    }
    let file = folder.join("envoy.yaml");
    fs::write(&file, with(fs::read_to_string(shipped("envoy/envoy.yaml")).unwrap(), &replaced)).unwrap();
    let mut command = Command::new(harness::program("envoy", "ENVOY"));
    // Several instances on one machine would share memory.
    command.arg("-c").arg(file).args(["--disable-hot-restart", "--log-level", "warn"]);
    command
}
