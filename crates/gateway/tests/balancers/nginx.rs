//! `deploy/nginx`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::balancers::balancer::{Kind, Nodes, shipped, with};
use crate::balancers::{drain, outage, routing};

const NGINX: Kind = Kind { command, looks: false };

#[tokio::test]
async fn all_clients_of_a_node_that_drains_end_on_the_other() {
    drain::all_clients_end_on_the_other(&NGINX).await;
}

#[tokio::test]
async fn nobody_who_is_there_is_cut_off_while_redis_is_away() {
    outage::nobody_who_is_there_is_cut_off(&NGINX).await;
}

#[tokio::test]
async fn a_full_node_is_passed_over() {
    routing::a_full_node_is_passed_over(&NGINX).await;
}

#[tokio::test]
async fn a_polling_client_stays_on_its_node() {
    routing::a_polling_client_stays_on_its_node(&NGINX).await;
}

#[tokio::test]
async fn a_request_arrives_as_it_was_sent() {
    routing::a_request_arrives_as_it_was_sent(&NGINX).await;
}

fn command(folder: &Path, port: u16, nodes: &Nodes) -> Command {
    let mut replaced = vec![("listen 8080".to_owned(), format!("listen 127.0.0.1:{port}"))];
    for (nth, node) in (1..).zip(nodes) {
        replaced.push((format!("127.0.0.1{nth}:4000"), format!("127.0.0.1:{}", node.public)));
    }
    // Else they are where only root may write.
    let paths = ["client_body", "proxy", "fastcgi", "scgi", "uwsgi"].map(|name| format!("{name}_temp_path {name};"));
    replaced.push(("http {".to_owned(), format!("http {{ {}", paths.join(" "))));
    let file = folder.join("nginx.conf");
    fs::write(&file, with(fs::read_to_string(shipped("nginx/nginx.conf")).unwrap(), &replaced)).unwrap();
    let mut command = Command::new(harness::program("nginx", "NGINX"));
    command.arg("-p").arg(folder).arg("-c").arg(file).args(["-e", "stderr", "-g", "daemon off; pid pid;"]);
    command
}
