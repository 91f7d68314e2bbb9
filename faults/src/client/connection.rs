//! One connection of a client.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{Dialect, Load, State, Surroundings, Who, locked};
use crate::plan::Plan;
use crate::record::What;

/// How long a connection, and the first message on it, may take.
const WELCOME_WITHIN: Duration = Duration::from_secs(3);

/// How long a client waits for an answer before it turns to another node: longer than a command lives in one.
const PATIENCE: Duration = Duration::from_secs(7);

/// Pause before a command is sent again that was refused for now.
const AGAIN_AFTER_MS: u64 = 300;

/// Pause before another connection, where the node gave no advice.
const NO_ADVICE: Duration = Duration::from_millis(100);

/// Longest advice that is followed: a run is short.
const ADVICE_MAX: Duration = Duration::from_secs(3);

pub(super) struct Connection<'c> {
    who: &'c Who,
    begun: Instant,
    state: &'c Arc<Mutex<State>>,
    plan: &'c mut Plan,
    load: watch::Receiver<Load>,
    socket: WebSocketStream<TcpStream>,
    next: Next,
}

/// What a client does next of itself.
#[derive(Clone, Copy)]
enum Next {
    /// It thinks until then and says something new.
    Say(Instant),
    /// It repeats what is pending.
    Repeat(Instant),
    /// It waits for an answer until then.
    Wait(Instant),
    Watch,
}

impl<'c> Connection<'c> {
    /// Keeps a connection to a node as long as it lasts; returns the advice when to come back, or nothing if
    /// the load is over.
    pub(super) async fn open(
        who: &'c Who,
        surroundings: &Surroundings,
        node: usize,
        state: &'c Arc<Mutex<State>>,
        plan: &'c mut Plan,
    ) -> Option<Duration> {
        let begun = surroundings.begun;
        let write = |what| locked(state).write(begun.elapsed(), what);
        let ended = match timeout(WELCOME_WITHIN, connect(surroundings.ports[node], who)).await {
            Ok(Ok(socket)) => {
                write(What::Opened(node));
                let load = surroundings.load.clone();
                let mut connection = Self { who, begun, state, plan, load, socket, next: Next::Watch };
                connection.begin();
                connection.serve().await
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(anyhow!("no connection to node {node} in time")),
        };
        locked(state).ready = false;
        match ended {
            Ok(advice) => advice,
            Err(why) => {
                write(What::Ended(format!("{why:#}")));
                Some(advice(&why))
            }
        }
    }

    fn begin(&mut self) {
        let is_pending = locked(self.state).pending.is_some();
        // Half of them send before they are told their sessions.
        let soon = Instant::now() + Duration::from_millis(self.plan.below(2) * 50);
        self.next = if is_pending { Next::Repeat(soon) } else { self.think() };
    }

    fn think(&mut self) -> Next {
        match self.who.pace {
            Some(pace) if *self.load.borrow() == Load::On => {
                let ms = self.plan.below(2 * pace.as_millis() as u64);
                Next::Say(Instant::now() + Duration::from_millis(ms))
            }
            Some(_) | None => Next::Watch,
        }
    }

    async fn serve(&mut self) -> Result<Option<Duration>> {
        let welcome_by = Instant::now() + WELCOME_WITHIN;
        loop {
            let is_ready = locked(self.state).ready;
            tokio::select! {
                heard = self.socket.next() => self.hear(heard)?,
                () = at(self.next) => self.act().await?,
                changed = self.load.changed() => {
                    changed.context("the run is gone")?;
                    if *self.load.borrow_and_update() == Load::Over {
                        self.socket.close(None).await.ok();
                        return Ok(None);
                    }
                    if matches!(self.next, Next::Say(_) | Next::Watch) {
                        self.next = self.think();
                    }
                }
                // tidy: allow: the end of a client's patience
                () = sleep_until(welcome_by), if !is_ready => bail!("no sessions were told in time"),
            }
        }
    }

    async fn act(&mut self) -> Result<()> {
        match self.next {
            Next::Say(_) => {
                let command = self.plan.next();
                locked(self.state).pending = Some(command);
                self.say().await
            }
            Next::Repeat(_) => self.say().await,
            Next::Wait(_) => bail!("no answer in time"),
            Next::Watch => Ok(()),
        }
    }

    async fn say(&mut self) -> Result<()> {
        let command = {
            let mut state = locked(self.state);
            let command = state.pending.clone().context("nothing to say")?;
            state.write(self.begun.elapsed(), What::Said(command.clone()));
            command
        };
        self.next = Next::Wait(Instant::now() + PATIENCE);
        let sent = self.socket.send(Message::text(command.to_string()));
        timeout(PATIENCE, sent).await.context("the node does not read")??;
        Ok(())
    }

    fn hear(&mut self, heard: Option<Result<Message, Error>>) -> Result<()> {
        let message = match heard.context("closed without a word")?? {
            Message::Text(text) => serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))?,
            Message::Close(Some(frame)) => bail!("{}: {}", u16::from(frame.code), frame.reason),
            Message::Close(None) => bail!("closed without a reason"),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Ok(()),
        };
        self.take(message);
        Ok(())
    }

    fn take(&mut self, message: Value) {
        let at = self.begun.elapsed();
        let mut state = locked(self.state);
        state.view.apply(&message);
        match message["type"].as_str() {
            Some("ready") => state.ready = true,
            Some("tick") => state.ticked_at = Some(at),
            Some(_) | None => {}
        }
        let answered = state.pending.clone().filter(|command| command["id"] == message["id"]);
        state.write(at, What::Heard(message.clone()));
        let Some(command) = answered else { return };
        if message["type"] == "ack" {
            self.plan.done(&command);
        } else if message["payload"]["retry"] == true {
            self.next = Next::Repeat(Instant::now() + Duration::from_millis(self.plan.below(AGAIN_AFTER_MS)));
            return;
        } else {
            self.plan.lost(command["payload"]["sessionId"].as_str().unwrap_or_default());
        }
        state.pending = None;
        drop(state);
        self.next = self.think();
    }
}

async fn connect(port: u16, who: &Who) -> Result<WebSocketStream<TcpStream>> {
    let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
    tcp.set_nodelay(true)?;
    let dialect = match who.dialect {
        Dialect::Seed => "seed",
        Dialect::V1 => "v1",
    };
    let url = format!("ws://127.0.0.1:{port}/session?userId={}&dialect={dialect}", who.user);
    Ok(client_async(url, tcp).await?.0)
}

async fn at(next: Next) {
    match next {
        Next::Say(at) | Next::Repeat(at) | Next::Wait(at) => sleep_until(at).await, // tidy: allow: a client's pace
        Next::Watch => pending().await,
    }
}

/// Reads when to come back from the reason of a close frame.
fn advice(why: &anyhow::Error) -> Duration {
    let why = why.to_string();
    let reason = why.split_once(": ").map_or("", |(_, reason)| reason);
    let advice = serde_json::from_str::<Value>(reason).ok();
    let ms = advice.and_then(|advice| advice["reconnectAfterMs"].as_u64());
    ms.map_or(NO_ADVICE, Duration::from_millis).min(ADVICE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_of_a_close_frame_is_followed_within_limits() {
        let of = |why: &str| advice(&anyhow!("{why}"));
        assert_eq!(of(r#"1012: {"reconnectAfterMs":250}"#), Duration::from_millis(250));
        assert_eq!(of(r#"1013: {"reconnectAfterMs":60000}"#), ADVICE_MAX);
        assert_eq!(of("connection reset"), NO_ADVICE);
    }
}
