//! The calls of one member of an organisation, which starts and stops an entry by turns.

use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_local;
use tokio::time::Instant;

use crate::client_pool::ClientPool;
use crate::message::{started_revision, stopped_revision};

/// Carries out the calls of a connection's member, each scheduled for its instant.
pub(super) async fn run(pool: Rc<ClientPool>, nth: usize, observers: usize, mut calls: UnboundedReceiver<Instant>) {
    let mut caller = Caller { nth, running: None, connection: None, pool };
    let mut id = 0;
    while let Some(at) = calls.recv().await {
        id += 1;
        caller.pool.record(|observations| observations.counts.sent += 1);
        let revision = match caller.call().await {
            Ok(revision) => revision,
            Err(error) => {
                caller.connection = None;
                caller.pool.fail(&format!("a call: {error}"));
                continue;
            }
        };
        let mut user = caller.pool.user(nth).borrow_mut();
        user.send(id, at);
        let delivered = user.ack(id, revision, observers);
        caller.pool.record(|observations| {
            observations.counts.acks += 1;
            delivered.into_iter().for_each(|delivery| observations.record_update(delivery));
        });
    }
}

struct Caller {
    pool: Rc<ClientPool>,
    nth: usize,
    /// The entry that runs.
    running: Option<u64>,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Caller {
    /// Starts the entry or stops it; returns the revision that its event counts as.
    async fn call(&mut self) -> Result<u64> {
        match self.running {
            None => {
                let started = self.post("timer.start", r#"{"taskTypeId":2,"sessionId":1}"#.to_owned()).await?;
                let id = started["result"]["data"]["id"].as_u64().context("an answer without an id")?;
                self.running = Some(id);
                Ok(started_revision(id))
            }
            Some(id) => {
                self.post("timer.stop", format!(r#"{{"timeEntryId":{id}}}"#)).await?;
                self.running = None;
                Ok(stopped_revision(id))
            }
        }
    }

    async fn post(&mut self, procedure: &str, body: String) -> Result<Value> {
        let assignment = &self.pool.assignment;
        let target = assignment.target(self.nth);
        let mut request = Request::post(format!("/api/trpc/timeTracking.{procedure}"))
            .header("host", target.to_string())
            .header("content-type", "application/json");
        for (name, value) in assignment.headers(self.nth) {
            request = request.header(name, value);
        }
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(connect(target).await?),
        };
        connection.ready().await?;
        let response = connection.send_request(request.body(Full::new(body.into()))?).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        ensure!(status.is_success(), "{procedure} is answered {status}: {}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice(&bytes).map_err(|error| anyhow!("{procedure}: {error}"))
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
