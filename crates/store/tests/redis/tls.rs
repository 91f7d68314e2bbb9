//! Certificates that are replaced while a node runs.

use std::fs;

use harness::{Certificates, RedisServer, free_port, wait_until};
use store::redis::{Options, Sessions};

use super::node::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_authority_is_trusted_and_the_previous_one_no_longer() {
    let (certificates, next) = (Certificates::make(), Certificates::make());
    let port = free_port();
    let tls = certificates.redis_options(port);
    let mut server = RedisServer::start_with(&tls.iter().map(String::as_str).collect::<Vec<_>>());
    let trusted = tempfile::tempdir().expect("a folder");
    let ca_file = trusted.path().join("ca.pem");
    fs::copy(certificates.authority(), &ca_file).expect("copies");
    let url = format!("rediss://127.0.0.1:{port}");
    let node = Node::start_with(Options { ca_file: Some(ca_file.clone()), ..options(&url, "a") });
    let sessions = Sessions::connect(&url.parse().expect("a valid address"), Some(&ca_file)).expect("connects");
    node.is_ready().await;
    // The server has a certificate of the next authority, which is not trusted yet.
    certificates.replace_with(&next);
    server.kill();
    server.restart();
    node.is_not_ready().await;
    fs::write(&ca_file, "no certificate").expect("writes");
    let failed = node.start_session("too early").await;
    failed.expect_err("the server is not trusted");
    fs::copy(next.authority(), &ca_file).expect("copies");
    node.is_ready().await;
    node.start_session("after").await.expect("works");
    wait_until("the sessions", async || sessions.read("sess:1").await.is_ok_and(|read| read.is_none())).await;
}
