//! `baseline-centrifugo <address> <users>`: at each whole second, publishes a tick to the channel of each user by the HTTP API
//! of a Centrifugo, in batches. It keeps no sessions: the baseline is the cost of the ticks alone.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Publications in a request: a body of some 100 KB.
const BATCH: usize = 500;

/// What the load generator calls the channels.
const PREFIX: &str = "load-";

type Api = Client<HttpConnector, Full<Bytes>>;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(users)) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: baseline-centrifugo <address> <users>")
    };
    let users: usize = users.parse().context("the number of users")?;
    let uri: Uri = format!("http://{address}/api/batch").parse()?;
    let api: Api = Client::builder(TokioExecutor::new()).build_http();
    loop {
        let second = (now() / 1000 + 1) * 1000;
        sleep(Duration::from_millis(second.saturating_sub(now()))).await;
        let mut batches = JoinSet::new();
        for first in (0..users).step_by(BATCH) {
            let body = batch(first..users.min(first + BATCH), second);
            batches.spawn(publish(api.clone(), uri.clone(), body));
        }
        while let Some(published) = batches.join_next().await {
            published??;
        }
    }
}

fn batch(users: std::ops::Range<usize>, second: u64) -> Bytes {
    let command = |user: usize| {
        let tick = json!({ "sessionId": "s0", "elapsedMs": second % 86_400_000, "running": true });
        json!({ "publish": {
            "channel": format!("{PREFIX}{user}"),
            "data": { "type": "tick", "payload": [tick], "serverTime": second },
        } })
    };
    json!({ "commands": users.map(command).collect::<Vec<Value>>(), "parallel": true }).to_string().into()
}

async fn publish(api: Api, uri: Uri, body: Bytes) -> Result<()> {
    let request = Request::post(uri).header("content-type", "application/json").body(Full::new(body))?;
    let answer = api.request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    ensure!(status.is_success(), "the batch is answered {status}: {}", String::from_utf8_lossy(&body));
    Ok(())
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
