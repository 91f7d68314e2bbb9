//! Connections without a request: a new one is closed soon, a kept one later.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue fails")]

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use net::server::{HttpOptions, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Time within which everything here happens.
const DEADLINE: Duration = Duration::from_secs(20);

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[tokio::test]
async fn a_kept_connection_outlasts_the_time_for_a_first_request() {
    let address = start(Duration::from_millis(300), DEADLINE * 2).await;
    let mut kept = TcpStream::connect(address).await.unwrap();
    assert!(request(&mut kept).await.contains("hello"));
    // Connected after the answer, so the kept connection is idle for longer.
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut partial = TcpStream::connect(address).await.unwrap();
    partial.write_all(&REQUEST[..10]).await.unwrap();
    closed(&mut silent).await;
    closed(&mut partial).await;
    assert!(request(&mut kept).await.contains("hello"));
}

#[tokio::test]
async fn a_kept_connection_without_another_request_is_closed() {
    let address = start(Duration::from_millis(100), Duration::from_millis(300)).await;
    let mut kept = TcpStream::connect(address).await.unwrap();
    assert!(request(&mut kept).await.contains("hello"));
    closed(&mut kept).await;
}

async fn start(within: Duration, keep_alive: Duration) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new().route("/", get(async || "hello"));
    let options = HttpOptions { timeout: within, keep_alive, head_bytes: 8192, acceptor: None };
    tokio::spawn(serve(listener, routes, options, std::future::pending()));
    address
}

/// Sends a request and returns the beginning of its answer.
async fn request(connection: &mut TcpStream) -> String {
    connection.write_all(REQUEST).await.unwrap();
    let mut answer = vec![0; 1024];
    let count = timeout(DEADLINE, connection.read(&mut answer)).await.expect("an answer").unwrap();
    String::from_utf8_lossy(&answer[..count]).into_owned()
}

async fn closed(connection: &mut TcpStream) {
    let end = timeout(DEADLINE, connection.read(&mut [0; 16])).await.expect("the connection stays open");
    assert!(matches!(end, Ok(0) | Err(_)), "the server sends {end:?}");
}
