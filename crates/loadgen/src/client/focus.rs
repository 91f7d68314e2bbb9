//! A person who tracks a focus session: without activity, then with activity, and to its end. Then the counters of the server
//! are compared with those that a server with a tick each second would have counted.
//!
//! Activities begin and end, and the session ends, half a second after a second of the session. So the expected counters are
//! exact unless an answer takes almost half a second.

mod expected;
mod outbox;
mod ticks;

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use hyper::Request;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_tungstenite::tungstenite::Message;

use crate::client::focus::expected::{Between, Counters, expected};
use crate::client::focus::outbox::Outbox;
use crate::client::focus::ticks::{ReceivedTick, TickSequence};
use crate::client::http::HttpConnection;
use crate::client::{Socket, socket};
use crate::client_pool::{ClientAction, ClientPool};
use crate::message::number_behind;
use crate::scenario::Work;

/// The targets of the sessions, minutes.
const TARGETS: [f64; 5] = [0.5, 1.0, 2.0, 2.5, 25.0];

/// Seconds between two activities whose instants are known: fewer than those after which a person is idle, by more than
/// an answer takes.
const KNOWN_ACTIVITY_SECONDS: usize = 10;

/// Time over which the persons begin to be active. Each has its own moment, as people have.
const BEGIN_SECONDS: u64 = 6;

/// Time between the last activity and the end of a session, seconds. Some sessions are idle before they end.
const TAIL_SECONDS: std::ops::Range<u64> = 2..28;

/// Most tab switches before the end.
const TAB_SWITCHES_MAX: u64 = 3;

/// Time allowed for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Pause before a failed start is retried.
const RETRY_PAUSE: Duration = Duration::from_millis(300);

/// Runs one person until the session has ended.
pub(super) async fn run(pool: Rc<ClientPool>, nth: usize, actions: UnboundedReceiver<ClientAction>) {
    let mut person = loop {
        match Person::open(&pool, nth).await {
            Ok(person) => break person,
            Err(error) => pool.fail(&format!("a start: {error}")),
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    };
    pool.ready.set(pool.ready.get() + 1);
    pool.arrived.set(pool.arrived.get() + 1);
    if let Err(error) = person.live(actions).await {
        pool.fail(&format!("a session: {}", error.to_string().replace(&person.session, "{id}")));
    }
    pool.ready.set(pool.ready.get() - 1);
    pool.arrived.set(pool.arrived.get() + 1);
}

struct Person {
    pool: Rc<ClientPool>,
    nth: usize,
    socket: Socket,
    outbox: Outbox,
    session: String,
    target_minutes: f64,
    /// The instant from which the others are counted.
    epoch: Instant,
    started: Between,
    /// When the session began, as near as is known.
    began: Instant,
    activities: Vec<Between>,
    /// When the time pings were sent that are not answered.
    pings: VecDeque<u64>,
    tab_switches: u64,
    tab_switch_answers: u64,
    ticks: TickSequence,
    /// The score in the message that the session has ended.
    stopped: Option<u64>,
}

impl Person {
    /// Creates a session and tracks it.
    async fn open(pool: &Rc<ClientPool>, nth: usize) -> Result<Self> {
        let Work::Focus { activities_a_second, writes_a_second } = pool.assignment.scenario.work else {
            bail!("the scenario has no sessions");
        };
        let target_minutes = TARGETS[nth % TARGETS.len()];
        let body = json!({ "subject": "load", "targetMinutes": target_minutes });
        let mut http = HttpConnection::new(pool.assignment.target(nth));
        let request = Request::post(format!("/api/sessions?{}", user(nth))).header("content-type", "application/json");
        let created: Value = serde_json::from_slice(&http.send(request, body.to_string()).await?)?;
        let session = created["session"]["_id"].as_str().context("an answer without a session")?.to_owned();
        let path = format!("/ws/sessions?{}", user(nth));
        let mut socket = socket::open(&pool.assignment, nth, &path).await.map_err(|reason| anyhow!(reason))?;
        let sent = Instant::now();
        socket.send(Message::text(format!(r#"{{"type":"start","sessionId":"{session}"}}"#))).await?;
        while kind(&next_text(&mut socket).await?) != Some("started") {}
        let took = sent.elapsed();
        pool.record(|observations| observations.ready.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX)));
        Ok(Self {
            pool: Rc::clone(pool),
            nth,
            socket,
            outbox: Outbox::new(activities_a_second / writes_a_second),
            session,
            target_minutes,
            epoch: sent - Duration::from_secs(1),
            started: Between::new(1000, 1000 + ms(took)),
            began: sent + took / 2,
            activities: Vec::new(),
            pings: VecDeque::new(),
            tab_switches: 0,
            tab_switch_answers: 0,
            ticks: TickSequence::default(),
            stopped: None,
        })
    }

    async fn live(&mut self, mut actions: UnboundedReceiver<ClientAction>) -> Result<()> {
        let Work::Focus { writes_a_second, .. } = self.pool.assignment.scenario.work else { return Ok(()) };
        let mut next_write = None;
        let mut written = 0;
        loop {
            tokio::select! {
                text = next_text(&mut self.socket) => self.receive(&text?)?,
                action = actions.recv() => match action {
                    Some(ClientAction::BeActive) => {
                        let after = Duration::from_millis(fastrand::u64(..BEGIN_SECONDS * 1000));
                        next_write = Some(self.half_second(Instant::now() + after));
                    }
                    Some(ClientAction::EndSession) => return self.end().await,
                    Some(_) | None => {}
                },
                () = sleep_until(next_write.unwrap_or_else(Instant::now)), if next_write.is_some() => {
                    self.be_active(written % (KNOWN_ACTIVITY_SECONDS * writes_a_second) == 0).await?;
                    written += 1;
                    next_write = next_write.map(|at| at + Duration::from_secs(1) / writes_a_second as u32);
                }
            }
        }
    }

    /// Sends activities; `is_known` makes the instant of the first known.
    async fn be_active(&mut self, is_known: bool) -> Result<()> {
        let Work::Focus { activities_a_second, writes_a_second } = self.pool.assignment.scenario.work else {
            return Ok(());
        };
        if is_known {
            self.pings.push_back(self.now());
        }
        self.outbox.write(self.socket.get_mut(), is_known).await?;
        self.pool.record(|observations| {
            observations.counts.activities += (activities_a_second / writes_a_second) as u64;
        });
        Ok(())
    }

    fn receive(&mut self, text: &str) -> Result<()> {
        let now = self.now();
        self.pool.record(|observations| {
            observations.counts.messages += 1;
            observations.counts.bytes += text.len() as u64;
        });
        match kind(text) {
            Some("tick") => self.tick(number_behind(text, r#""elapsedSeconds":"#).context("a tick without seconds")?),
            Some("time-pong") => {
                let sent = self.pings.pop_front().context("an answer to no ping")?;
                self.activities.push(Between::new(sent, now));
            }
            Some("tabSwitchAck") => self.tab_switch_answers += 1,
            Some("stopped") => {
                self.stopped = Some(number_behind(text, r#""focusScore":"#).context("an end without a score")?);
            }
            _ => {
                self.pool.record(|observations| observations.counts.errors += 1);
                bail!("unexpected: {text}");
            }
        }
        Ok(())
    }

    fn tick(&mut self, elapsed: u64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let ReceivedTick { late, missing, is_doubled } = self.ticks.receive(elapsed, now);
        self.pool.record(|observations| {
            observations.counts.ticks += 1;
            observations.late.record(late);
            observations.counts.missing += missing;
            observations.counts.doubled += u64::from(is_doubled);
        });
    }

    /// Ends the activity, and then the session: over the socket, or over HTTP on this server or the next.
    async fn end(&mut self) -> Result<()> {
        let last = self.half_second(Instant::now());
        self.read_until(last).await?;
        self.be_active(true).await?;
        let tail = fastrand::u64(TAIL_SECONDS);
        for _ in 0..fastrand::u64(0..=TAB_SWITCHES_MAX).min(tail - 1) {
            self.tab_switches += 1;
            self.read_until(last + Duration::from_secs(self.tab_switches)).await?;
            self.socket.send(Message::text(r#"{"type":"tabSwitch"}"#)).await?;
        }
        self.read_until(last + Duration::from_secs(tail)).await?;
        self.read_while(|person| person.pings.front().is_some() || person.tab_switch_answers < person.tab_switches)
            .await?;
        let sent = self.now();
        let ended = match self.nth % 4 {
            0 | 1 => {
                self.socket.send(Message::text(r#"{"type":"stop"}"#)).await?;
                self.read_while(|person| person.stopped.is_none()).await?;
                Between::new(sent, self.now())
            }
            way => {
                self.call("PUT", &format!("/{}/end", self.session), self.nth + way - 2).await?;
                let ended = Between::new(sent, self.now());
                self.read_while(|person| person.stopped.is_none()).await?;
                ended
            }
        };
        self.compare(ended).await
    }

    /// Compares what the server has counted with what is expected.
    async fn compare(&mut self, ended: Between) -> Result<()> {
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Ended {
            status: String,
            #[serde(flatten)]
            counters: Counters,
            tab_switches: u64,
            focus_score: u64,
        }
        let answer = self.call("GET", &format!("/{}", self.session), self.nth).await?;
        let Ended { status, counters, tab_switches, focus_score } = serde_json::from_value(answer["session"].clone())?;
        let stats = self.call("GET", "me/stats", self.nth).await?;
        let expected = expected(self.started, &self.activities, ended);
        let score = counters.score(self.target_minutes, self.tab_switches);
        let is_right = status == "completed"
            && expected.allows(counters)
            && tab_switches == self.tab_switches
            && focus_score == score
            && self.stopped == Some(score)
            && stats["focusScore"] == json!(score)
            && stats["completedSessions"] == json!(1)
            && stats["dayStreak"] == json!(1)
            && stats["totalFocusMinutes"] == json!((counters.active_seconds + 30) / 60);
        if !is_right {
            eprintln!(
                "session {}: {counters:?}, score {focus_score}, {stats}; expected {expected:?}, {score}",
                self.session
            );
        }
        self.pool.record(|observations| {
            observations.counts.compared += 1;
            observations.counts.wrong += u64::from(!is_right);
            observations.counts.uncertain += u64::from(!expected.is_certain());
        });
        Ok(())
    }

    /// Sends a request to the server of a connection.
    async fn call(&self, method: &str, path: &str, server: usize) -> Result<Value> {
        let mut http = HttpConnection::new(self.pool.assignment.target(server));
        let path = match path {
            "me/stats" => format!("/api/users/me/stats?{}", user(self.nth)),
            path => format!("/api/sessions{path}?{}", user(self.nth)),
        };
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let body = if method == "GET" { "" } else { "{}" };
        Ok(serde_json::from_slice(&http.send(request, body.to_owned()).await?)?)
    }

    async fn read_until(&mut self, end: Instant) -> Result<()> {
        while let Ok(text) = timeout_at(end, next_text(&mut self.socket)).await {
            self.receive(&text?)?;
        }
        Ok(())
    }

    async fn read_while(&mut self, waits: impl Fn(&Self) -> bool) -> Result<()> {
        let end = Instant::now() + ANSWER_TIMEOUT;
        while waits(self) {
            let text = timeout_at(end, next_text(&mut self.socket)).await;
            self.receive(&text.context("an answer is missing")??)?;
        }
        Ok(())
    }

    /// Returns the next instant half a second after a second of the session.
    fn half_second(&self, from: Instant) -> Instant {
        let since = ms(from - self.began);
        let ms = since.saturating_sub(500).div_ceil(1000) * 1000 + 500;
        self.began + Duration::from_millis(ms)
    }

    /// Returns the time since the epoch, ms.
    fn now(&self) -> u64 {
        ms(self.epoch.elapsed())
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn user(nth: usize) -> String {
    format!("userId=load-{nth}")
}

/// Returns the type of a message.
fn kind(text: &str) -> Option<&str> {
    text.strip_prefix(r#"{"type":""#)?.split('"').next()
}

/// Reads the next message. Cancel-safe.
async fn next_text(socket: &mut Socket) -> Result<String> {
    loop {
        match socket.next().await.context("closed")?? {
            Message::Text(text) => return Ok(text.to_string()),
            Message::Close(frame) => {
                ensure!(frame.is_none(), "closed {}", frame.map_or(0, |frame| frame.code.into()));
                bail!("closed");
            }
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}
