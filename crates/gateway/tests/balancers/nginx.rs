//! `deploy/nginx`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::balancers::balancer::{Kind, Nodes, shipped, suite, with};

const NGINX: Kind = Kind { command };

suite!(NGINX);

fn command(folder: &Path, port: u16, nodes: &Nodes) -> Command {
    let mut replaced = vec![("listen 8080".to_owned(), format!("listen 127.0.0.1:{port}"))];
    for (nth, node) in (1..).zip(nodes) {
        replaced.push((format!("127.0.0.1{nth}:4000"), format!("127.0.0.1:{}", node.public)));
    }
    // The default paths are writable by root only.
    let paths = ["client_body", "proxy", "fastcgi", "scgi", "uwsgi"].map(|name| format!("{name}_temp_path {name};"));
    replaced.push(("http {".to_owned(), format!("http {{ {}", paths.join(" "))));
    let file = folder.join("nginx.conf");
    fs::write(&file, with(fs::read_to_string(shipped("nginx/nginx.conf")).unwrap(), &replaced)).unwrap();
    let mut command = Command::new(harness::program("nginx", "NGINX"));
    command.arg("-p").arg(folder).arg("-c").arg(file).args(["-e", "stderr", "-g", "daemon off; pid pid;"]);
    command
}
