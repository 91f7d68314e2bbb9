//! A person's open page: a heartbeat at an interval, and the whole document posted at another, as the original's page does.

use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use hyper::Request;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};

use crate::client::http::HttpConnection;
use crate::client_pool::{ClientAction, ClientPool};
use crate::scenario::Work;

/// How many posts bring a new punch; the others repeat the document.
const POSTS_PER_PUNCH: u64 = 5;

/// Runs one page until the worker ends.
pub(super) async fn run(pool: Rc<ClientPool>, nth: usize, mut actions: UnboundedReceiver<ClientAction>) {
    let Work::Days { heartbeat_seconds, post_seconds } = pool.assignment.scenario.work else { return };
    let connection = HttpConnection::new(pool.assignment.target(nth));
    let mut page = Page { path: format!("userId=load-{nth}"), connection, document: Value::Null, posts: 0, pool };
    while let Err(error) = page.open().await {
        page.pool.fail(&format!("a page: {error}"));
        sleep_until(Instant::now() + Duration::from_millis(300)).await;
    }
    page.pool.ready.set(page.pool.ready.get() + 1);
    page.pool.arrived.set(page.pool.arrived.get() + 1);
    let (heartbeat, post) = (Duration::from_secs_f64(heartbeat_seconds), Duration::from_secs_f64(post_seconds));
    // Pages were opened at different times.
    let begin = Instant::now();
    let (mut beats_at, mut posts_at) =
        (begin + heartbeat.mul_f64(fastrand::f64()), begin + post.mul_f64(fastrand::f64()));
    loop {
        tokio::select! {
            () = sleep_until(beats_at) => {
                page.request(beats_at, true).await;
                beats_at += heartbeat;
            }
            () = sleep_until(posts_at) => {
                page.request(posts_at, false).await;
                posts_at += post;
            }
            action = actions.recv() => if action.is_none() { return },
        }
    }
}

struct Page {
    pool: Rc<ClientPool>,
    path: String,
    connection: HttpConnection,
    document: Value,
    posts: u64,
}

impl Page {
    async fn open(&mut self) -> Result<()> {
        let request = Request::get(format!("/api/session?{}", self.path));
        let answer: Value = serde_json::from_slice(&self.connection.send(request, String::new()).await?)?;
        self.document = answer.get("data").cloned().context("an answer without a document")?;
        Ok(())
    }

    /// Sends a heartbeat or posts the document, and records how long it took since it was due.
    async fn request(&mut self, due: Instant, is_heartbeat: bool) {
        self.pool.record(|observations| observations.counts.sent += 1);
        let done = if is_heartbeat { self.heartbeat().await } else { self.post().await };
        if let Err(error) = done {
            return self.pool.fail(&format!("a page: {error}"));
        }
        let micros = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.pool.record(|observations| {
            observations.counts.acks += 1;
            observations.counts.messages += 1;
            let durations = if is_heartbeat { &mut observations.heartbeat } else { &mut observations.post };
            durations.record(micros);
        });
    }

    async fn heartbeat(&mut self) -> Result<()> {
        let request = Request::post(format!("/api/heartbeat?{}", self.path));
        self.connection.send(request, "{}".to_owned()).await.map(drop)
    }

    async fn post(&mut self) -> Result<()> {
        if self.posts.is_multiple_of(POSTS_PER_PUNCH)
            && let Some(entries) = self.document.get_mut("entries").and_then(Value::as_array_mut)
        {
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
            let kind = if entries.len().is_multiple_of(2) { "IN" } else { "OUT" };
            entries.push(json!({ "id": now, "timestamp": now, "type": kind, "time": "12:00:00" }));
        }
        self.posts += 1;
        let request = Request::post(format!("/api/session?{}", self.path));
        let answer = self.connection.send(request, self.document.to_string()).await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        self.document = answer.get("data").cloned().context("an answer without a document")?;
        Ok(())
    }
}
