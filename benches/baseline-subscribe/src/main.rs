//! `baseline-subscribe <address> <redis-url>`: a tick server as a team would write it by hand. A user's sessions are fields
//! of a Redis hash, each change is published on the user's channel, and each node ticks for its own clients.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use fred::clients::{Client, SubscriberClient};
use fred::prelude::{Builder, ClientLike, Config, EventInterface, HashesInterface, PubsubInterface};
use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

const BACKLOG: u32 = 4096;

/// Changes that wait to be delivered; a server that lags behind by more loses some.
const CHANGES_MAX: usize = 65_536;

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    session_id: String,
    label: String,
    started_at: u64,
    accumulated_ms: u64,
    running: bool,
}

impl Session {
    fn elapsed(&self, now: u64) -> u64 {
        self.accumulated_ms + if self.running { now.saturating_sub(self.started_at) } else { 0 }
    }

    fn tick(&self, now: u64) -> Value {
        json!({ "sessionId": self.session_id, "elapsedMs": self.elapsed(now), "running": self.running })
    }
}

#[derive(Deserialize)]
struct Command {
    r#type: String,
    payload: Target,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    session_id: String,
    #[serde(default)]
    label: String,
}

/// A user with clients at this node.
#[derive(Default)]
struct User {
    clients: Vec<UnboundedSender<Message>>,
    sessions: Vec<Session>,
}

impl User {
    fn broadcast(&mut self, message: String) {
        let message = Message::text(message);
        self.clients.retain(|client| client.send(message.clone()).is_ok());
    }
}

struct Server {
    redis: Client,
    subscriber: SubscriberClient,
    users: Mutex<HashMap<String, User>>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(url)) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: baseline-subscribe <address> <redis-url>")
    };
    let mut builder = Builder::from_config(Config::from_url(&url)?);
    builder.with_performance_config(|config| config.broadcast_channel_capacity = CHANGES_MAX);
    let (redis, subscriber) = (builder.build()?, builder.build_subscriber_client()?);
    redis.init().await?;
    subscriber.init().await?;
    let server = Arc::new(Server { redis, subscriber, users: Mutex::default() });
    tokio::spawn(deliver(Arc::clone(&server)));
    tokio::spawn(tick(Arc::clone(&server)));
    let listener = listen(&address)?;
    loop {
        let (tcp, _) = listener.accept().await?;
        let server = Arc::clone(&server);
        // A client that fails ends its own task only.
        tokio::spawn(async move { server.serve(tcp).await.ok() });
    }
}

fn listen(address: &str) -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address.parse()?)?;
    Ok(socket.listen(BACKLOG)?)
}

impl Server {
    async fn serve(&self, tcp: TcpStream) -> Result<()> {
        tcp.set_nodelay(true)?;
        let mut user = None;
        #[expect(clippy::result_large_err, reason = "the type is that of the library")]
        let read_user = |request: &Request, response: Response| {
            let mut fields = request.uri().query().unwrap_or_default().split('&');
            user = fields.find_map(|field| field.strip_prefix("userId=")).map(str::to_owned);
            Ok(response)
        };
        let (mut socket, mut incoming) = accept_hdr_async(tcp, read_user).await?.split();
        let user = user.context("no userId")?;
        let (client, mut outgoing) = unbounded_channel();
        self.subscriber.subscribe(user.as_str()).await?;
        let sessions = self.load(&user).await?;
        let ready = format!(r#"{{"type":"ready","payload":{}}}"#, json!(sessions));
        socket.send(Message::text(ready)).await?;
        self.join(&user, client, sessions);
        loop {
            tokio::select! {
                Some(message) = outgoing.recv() => socket.send(message).await?,
                message = incoming.next() => match message {
                    Some(Ok(Message::Text(text))) => self.execute(&user, serde_json::from_str(&text)?).await?,
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Ok(()),
                },
            }
        }
    }

    fn join(&self, user: &str, client: UnboundedSender<Message>, sessions: Vec<Session>) {
        let mut users = self.users.lock();
        let user = users.entry(user.to_owned()).or_default();
        user.clients.push(client);
        user.sessions = sessions;
    }

    async fn load(&self, user: &str) -> Result<Vec<Session>> {
        let fields: HashMap<String, String> = self.redis.hgetall(user).await?;
        fields.values().map(|text| Ok(serde_json::from_str(text)?)).collect()
    }

    async fn execute(&self, user: &str, command: Command) -> Result<()> {
        let Target { session_id, label } = command.payload;
        let now = now();
        let stored: Option<String> = self.redis.hget(user, session_id.as_str()).await?;
        let stored: Option<Session> = stored.map(|text| serde_json::from_str(&text)).transpose()?;
        let session = match (command.r#type.as_str(), stored) {
            ("session-start", _) => Session { session_id, label, started_at: now, accumulated_ms: 0, running: true },
            ("session-pause", Some(session)) => {
                Session { accumulated_ms: session.elapsed(now), running: false, ..session }
            }
            ("session-resume", Some(session)) if !session.running => {
                Session { started_at: now, running: true, ..session }
            }
            _ => return Ok(()),
        };
        self.redis.hset::<(), _, _>(user, (session.session_id.as_str(), serde_json::to_string(&session)?)).await?;
        Ok(self.redis.publish(user, serde_json::to_string(&session)?).await?)
    }
}

/// Passes changes from Redis to the clients of this node.
async fn deliver(server: Arc<Server>) {
    let mut changes = server.subscriber.message_rx();
    loop {
        let change = match changes.recv().await {
            Ok(change) => change,
            Err(RecvError::Lagged(lost)) => {
                eprintln!("{lost} changes are lost");
                continue;
            }
            Err(RecvError::Closed) => return,
        };
        let text = change.value.as_string().unwrap_or_default();
        let Ok(session) = serde_json::from_str::<Session>(&text) else { continue };
        let mut users = server.users.lock();
        let Some(user) = users.get_mut(&*change.channel) else { continue };
        user.sessions.retain(|known| known.session_id != session.session_id);
        user.sessions.push(session);
        let snapshot = format!(r#"{{"type":"session-snapshot","payload":{}}}"#, json!(user.sessions));
        user.broadcast(snapshot);
    }
}

/// Ticks at each whole second, for every running session.
async fn tick(server: Arc<Server>) {
    loop {
        let second = (now() / 1000 + 1) * 1000;
        tokio::time::sleep(Duration::from_millis(second.saturating_sub(now()))).await;
        for user in server.users.lock().values_mut() {
            let running = user.sessions.iter().filter(|session| session.running);
            let ticks: Vec<_> = running.map(|session| session.tick(second)).collect();
            if !ticks.is_empty() {
                user.broadcast(format!(r#"{{"type":"tick","payload":{},"serverTime":{second}}}"#, json!(ticks)));
            }
        }
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
