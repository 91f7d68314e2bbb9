//! A connection of a client that sends HTTP requests.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::http::request::Builder;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::spawn_local;

/// A kept-alive connection to one server, which is opened when it is needed.
pub(super) struct HttpConnection {
    target: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl HttpConnection {
    pub(super) fn new(target: SocketAddr) -> Self {
        Self { target, sender: None }
    }

    /// Sends a request and returns the body of its answer.
    pub(super) async fn send(&mut self, request: Builder, body: String) -> Result<Bytes> {
        let answer = self.try_send(request, body).await;
        if answer.is_err() {
            self.sender = None;
        }
        answer
    }

    async fn try_send(&mut self, request: Builder, body: String) -> Result<Bytes> {
        let request = request.header("host", self.target.to_string()).body(Full::new(body.into()))?;
        let path = request.uri().path().to_owned();
        // The server closes connections that are idle for long.
        let open = self.sender.take().filter(|sender| !sender.is_closed());
        let sender = match open {
            Some(sender) => self.sender.insert(sender),
            None => self.sender.insert(connect(self.target).await?),
        };
        if sender.ready().await.is_err() {
            *sender = connect(self.target).await?;
            sender.ready().await?;
        }
        let response = sender.send_request(request).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        ensure!(status.is_success(), "{path} is answered {status}: {}", String::from_utf8_lossy(&bytes));
        Ok(bytes)
    }
}

async fn connect(target: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let tcp = TcpStream::connect(target).await?;
    tcp.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(tcp)).await?;
    // The error of a connection is that of its requests.
    spawn_local(async move { connection.await.ok() });
    Ok(sender)
}
