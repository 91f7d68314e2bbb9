//! `deploy/haproxy`.

use std::path::Path;
use std::process::Command;

use crate::balancers::balancer::{Kind, Nodes, shipped};
use crate::balancers::{drain, outage, routing};

const HAPROXY: Kind = Kind { command, looks: true };

#[tokio::test]
async fn all_clients_of_a_node_that_drains_end_on_the_other() {
    drain::all_clients_end_on_the_other(&HAPROXY).await;
}

#[tokio::test]
async fn nobody_who_is_there_is_cut_off_while_redis_is_away() {
    outage::nobody_who_is_there_is_cut_off(&HAPROXY).await;
}

#[tokio::test]
async fn a_full_node_is_passed_over() {
    routing::a_full_node_is_passed_over(&HAPROXY).await;
}

#[tokio::test]
async fn a_polling_client_stays_on_its_node() {
    routing::a_polling_client_stays_on_its_node(&HAPROXY).await;
}

#[tokio::test]
async fn a_request_arrives_as_it_was_sent() {
    routing::a_request_arrives_as_it_was_sent(&HAPROXY).await;
}

fn command(_: &Path, port: u16, nodes: &Nodes) -> Command {
    let mut command = Command::new(harness::program("haproxy", "HAPROXY"));
    command.args(["-db", "-f"]).arg(shipped("haproxy/haproxy.cfg")).env("LISTEN", format!("127.0.0.1:{port}"));
    for (nth, node) in (1..).zip(nodes) {
        command.env(format!("NODE_{nth}"), format!("127.0.0.1:{}", node.public));
        command.env(format!("NODE_{nth}_INTERNAL"), node.internal.to_string());
    }
    command
}
