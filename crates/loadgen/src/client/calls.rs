//! The calls of one member of an organisation, which starts and stops an entry by turns.

use std::rc::Rc;

use anyhow::{Context, Result, anyhow};
use hyper::Request;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use crate::client::http::HttpConnection;
use crate::client_pool::ClientPool;
use crate::message::{started_revision, stopped_revision};

/// Carries out the calls of a connection's member, each scheduled for its instant.
pub(super) async fn run(pool: Rc<ClientPool>, nth: usize, observers: usize, mut calls: UnboundedReceiver<Instant>) {
    let connection = HttpConnection::new(pool.assignment.target(nth));
    let mut caller = Caller { nth, running: None, connection, pool };
    let mut id = 0;
    while let Some(at) = calls.recv().await {
        id += 1;
        caller.pool.record(|observations| observations.counts.sent += 1);
        let revision = match caller.call().await {
            Ok(revision) => revision,
            Err(error) => {
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
    connection: HttpConnection,
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
        let mut request = Request::post(format!("/api/trpc/timeTracking.{procedure}"));
        request = request.header("content-type", "application/json");
        for (name, value) in self.pool.assignment.headers(self.nth) {
            request = request.header(name, value);
        }
        let answer = self.connection.send(request, body).await?;
        serde_json::from_slice(&answer).map_err(|error| anyhow!("{procedure}: {error}"))
    }
}
