//! A server that stops while clients connect to it, one after the other.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::post;
use net::server::{HttpOptions, disable_keep_alive, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Clients that connect all the time, so that some are just connecting when the server stops.
const CLIENTS: usize = 16;

const SERVERS: usize = 3;

/// Requests that a server answers before it stops.
const REQUESTS: usize = 400;

const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\nhi";

#[tokio::test]
async fn every_connection_to_a_stopping_server_is_served_or_refused() {
    for _ in 0..SERVERS {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/", post(async || disable_keep_alive("hello".into_response())));
        let within = Duration::from_secs(30);
        let options = HttpOptions { timeout: within, keep_alive: within, head_bytes: 8192, acceptor: None };
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, routes, options, async { stopped.await.unwrap_or_default() }));
        let (answered, mut count) = tokio::sync::mpsc::unbounded_channel();
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let answered = answered.clone();
            clients.spawn(async move {
                while request(address).await {
                    answered.send(()).unwrap();
                }
            });
        }
        for _ in 0..REQUESTS {
            count.recv().await.unwrap();
        }
        stop.send(()).unwrap();
        server.await.unwrap();
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
    }
}

/// Sends a request; returns whether it was answered, or false if the connection was refused.
async fn request(address: SocketAddr) -> bool {
    let mut connection = match TcpStream::connect(address).await {
        Ok(connection) => connection,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            return false;
        }
    };
    connection.write_all(REQUEST).await.expect("the connection is open");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.expect("the connection is closed after the answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer:?}");
    true
}
