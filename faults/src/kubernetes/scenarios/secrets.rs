//! Secrets are replaced while the nodes run: the key of tokens, and the certificate of the public port.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use harness::{Certificates, Tunnel, http};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::kubernetes::pods::{Pod, PodWatch};
use crate::kubernetes::release::{JWT_SECRET, ROLLOUT_TIMEOUT, Release, secret};
use crate::kubernetes::stage::{Stage, node_address};

/// Time within which every node has a new Secret: the kubelet looks for it about once a minute.
const PROPAGATION_TIMEOUT: Duration = Duration::from_secs(180);

/// Interval at which nodes are asked.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Time for a connection and an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The keys of tokens.
pub(in crate::kubernetes) const FIRST_KEY: &str = "the first key of tokens in a run";
const SECOND_KEY: &str = "the second key of tokens, which replaces it";

/// The Secret with the certificate.
const TLS_SECRET: &str = "edge-tls";

/// Sockets with tokens of the old key and with TLS of the old certificate stay, and both are replaced without a restart.
pub(in crate::kubernetes) async fn rotate(stage: &mut Stage) -> Result<()> {
    let before = stage.pods.ready();
    rotate_key(stage).await?;
    rotate_certificate(stage).await?;
    let same = |old: &Pod| stage.pods.ready().iter().any(|pod| pod.uid == old.uid && pod.restarts == old.restarts);
    let restarted: Vec<String> = before.iter().filter(|old| !same(old)).map(|old| old.name.clone()).collect();
    stage.expect(restarted.is_empty(), || {
        format!("a Secret was replaced, and these nodes were restarted: {restarted:?}")
    });
    Ok(())
}

async fn rotate_key(stage: &mut Stage) -> Result<()> {
    let (old, new) = (token(FIRST_KEY)?, token(SECOND_KEY)?);
    let mut holders = Vec::new();
    for pod in stage.pods.ready() {
        let node = node_address(pod.address.context("a node without an address")?).public;
        ensure!(accepts(node, &old).await? && !accepts(node, &new).await?, "{} does not have the first key", pod.name);
        holders.push((node, TickingSocket::open(node, &format!("token={old}")).await?));
    }
    let since = Instant::now();
    stage.tools.apply(&[secret(JWT_SECRET, &json!({ "secret": SECOND_KEY }))]).await?;
    let mut poll = interval(POLL_INTERVAL);
    for (node, _) in &holders {
        while !accepts(*node, &new).await? || accepts(*node, &old).await? {
            ensure!(since.elapsed() < PROPAGATION_TIMEOUT, "{node} does not have the second key");
            poll.tick().await;
        }
    }
    stage.notes.push(format!("the key of tokens replaced on all nodes after {:.0} s", since.elapsed().as_secs_f64()));
    for (node, holder) in holders {
        let ended = holder.end().await;
        stage.expect(ended.is_ok(), || format!("a socket at {node} whose key was replaced: {ended:?}"));
    }
    Ok(())
}

/// Rotates the certificate of another release, which terminates TLS itself.
async fn rotate_certificate(stage: &mut Stage) -> Result<()> {
    let (old, new) = (Certificates::make(), Certificates::make());
    stage.tools.apply(&[tls_secret(&old)?]).await?;
    let mut values = stage.release.values.clone();
    values["replicaCount"] = json!(1);
    values["tls"] = json!({ "existingSecret": TLS_SECRET });
    values["config"]["store"] = json!({ "prefix": "edge" });
    let edge = Release::new(&stage.tools, "edge", stage.release.chart.clone(), values);
    edge.apply().await?;
    let pods = PodWatch::start(&stage.tools, &edge.selector(), stage.started_at)?;
    let is_ready = |pods: &[Pod]| pods.iter().any(Pod::serves);
    let pod = pods.wait_for("the node with TLS is ready", ROLLOUT_TIMEOUT, is_ready).await?.swap_remove(0);
    let node = node_address(pod.address.context("a node without an address")?).public;
    let (trusts_old, trusts_new) = (Tunnel::start(node, &old.authority()), Tunnel::start(node, &new.authority()));
    let (trusts_old, trusts_new) = (&trusts_old, &trusts_new);
    let at = |tunnel: &Tunnel| SocketAddr::from(([127, 0, 0, 1], tunnel.port()));
    ensure!(is_served(at(trusts_old)).await && !is_served(at(trusts_new)).await, "the first certificate is not served");
    let holder = TickingSocket::open(at(trusts_old), "userId=tls").await?;
    let since = Instant::now();
    stage.tools.apply(&[tls_secret(&new)?]).await?;
    let mut poll = interval(POLL_INTERVAL);
    while !is_served(at(trusts_new)).await {
        ensure!(since.elapsed() < PROPAGATION_TIMEOUT, "the second certificate is not served");
        poll.tick().await;
    }
    stage.notes.push(format!("the certificate replaced after {:.0} s", since.elapsed().as_secs_f64()));
    let is_old = is_served(at(trusts_old)).await;
    stage.expect(!is_old, || "new handshakes still get the first certificate".to_owned());
    let ended = holder.end().await;
    stage.expect(ended.is_ok(), || format!("a socket whose certificate was replaced: {ended:?}"));
    let restarts = pods.pods().first().map(|it| (it.uid.clone(), it.restarts));
    stage.expect(restarts == Some((pod.uid, pod.restarts)), || "the node with TLS was restarted".to_owned());
    stage.tools.helm(&["uninstall", "edge"]).await.map(drop)
}

fn tls_secret(certificates: &Certificates) -> Result<Value> {
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path);
    let data = json!({ "tls.crt": read(certificates.certificate())?, "tls.key": read(certificates.key())? });
    let mut secret = secret(TLS_SECRET, &data);
    secret["type"] = json!("kubernetes.io/tls");
    Ok(secret)
}

/// Returns a token of a person that is valid for the whole run.
fn token(key: &str) -> Result<String> {
    let claims = json!({ "sub": "rotated", "exp": jiff::Timestamp::now().as_second() + 3600 });
    Ok(encode(&Header::default(), &claims, &EncodingKey::from_secret(key.as_bytes()))?)
}

/// Tells whether a node accepts a token.
async fn accepts(node: SocketAddr, token: &str) -> Result<bool> {
    let bearer = format!("Bearer {token}");
    match http::request(node, "GET", "/sessions", &[("authorization", &bearer)], b"").await?.status {
        200 => Ok(true),
        401 => Ok(false),
        status => bail!("{node} answers a token with {status}"),
    }
}

/// Tells whether a request is answered.
async fn is_served(node: SocketAddr) -> bool {
    http::request(node, "GET", "/api/health", &[], b"").await.is_ok_and(|response| response.status == 200)
}

/// A socket with a running session, which sees a tick for each second until it is ended.
struct TickingSocket {
    end: oneshot::Sender<()>,
    task: JoinHandle<Result<u64>>,
}

impl TickingSocket {
    async fn open(node: SocketAddr, query: &str) -> Result<Self> {
        let url = format!("ws://{node}/session?dialect=v1&client=ticking&{query}");
        let connect = async { Ok::<_, anyhow::Error>(client_async(url, TcpStream::connect(node).await?).await?.0) };
        let mut socket = timeout(ANSWER_TIMEOUT, connect).await.context("no connection in time")??;
        let id = format!("ticking-{}", fastrand::u64(..));
        let start = json!({ "type": "session-start", "id": id, "payload": { "sessionId": id, "label": "ticking" } });
        socket.send(Message::text(start.to_string())).await?;
        let (end, ended) = oneshot::channel();
        Ok(Self { end, task: tokio::spawn(follow(socket, id, ended)) })
    }

    /// Ends the socket; returns the number of its ticks.
    ///
    /// # Errors
    /// The connection was lost, or a second is missing or doubled.
    async fn end(self) -> Result<u64> {
        // The task may have failed already.
        let _ = self.end.send(());
        let ticks = self.task.await??;
        ensure!(ticks > 1, "it saw {ticks} ticks");
        Ok(ticks)
    }
}

/// Checks the ticks of a session.
async fn follow(
    mut socket: WebSocketStream<TcpStream>,
    session: String,
    mut ended: oneshot::Receiver<()>,
) -> Result<u64> {
    let (mut ticks, mut last): (u64, Option<u64>) = (0, None);
    loop {
        let received = tokio::select! {
            received = timeout(ANSWER_TIMEOUT, socket.next()) => received,
            _ = &mut ended => return Ok(ticks),
        };
        let message: Value = match received.context("no tick comes")?.context("the connection ends")?? {
            Message::Text(text) => serde_json::from_str(&text)?,
            Message::Close(frame) => bail!("the node closes it: {frame:?}"),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
        };
        ensure!(message["type"] != "error", "{message}");
        let own = message["payload"].as_array().into_iter().flatten().find(|tick| tick["sessionId"] == session);
        let Some(elapsed) = own.filter(|_| message["type"] == "tick").and_then(|tick| tick["elapsedMs"].as_u64())
        else {
            continue;
        };
        ensure!(last.is_none_or(|last| elapsed == last + 1000), "{elapsed} ms follow {last:?}");
        (ticks, last) = (ticks + 1, Some(elapsed));
    }
}
