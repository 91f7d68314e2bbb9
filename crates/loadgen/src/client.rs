//! One connection: comes, does what it is made to, and notes what it sees.

mod socket;

use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::crowd::{Crowd, Deed};
use crate::message::{Heard, Speech};

/// Pause before a connection that failed is tried again, ms.
const AGAIN_MS: std::ops::Range<u64> = 200..400;

/// Serves one connection, and makes it anew whenever it ends.
pub(crate) async fn run(crowd: Rc<Crowd>, nth: usize, mut deeds: UnboundedReceiver<Deed>) {
    let mut client = Client {
        nth,
        began: Instant::now(),
        let_in: false,
        awaited: true,
        ready: false,
        next_id: 0,
        last: 0,
        rested: false,
        runs: true,
        crowd,
    };
    loop {
        let ended = match socket::open(&client.crowd.share, nth).await {
            Ok(socket) => client.follow(socket, &mut deeds).await,
            Err(why) => Ended::Failed(why),
        };
        if client.ready || matches!(ended, Ended::Left) {
            client.began = Instant::now();
        }
        client.set_ready(false);
        client.let_in = false;
        match ended {
            Ended::Left => client.awaited = true,
            Ended::Failed(why) => {
                client.crowd.fail(&why);
                sleep(Duration::from_millis(fastrand::u64(AGAIN_MS))).await;
            }
        }
    }
}

enum Ended {
    /// It was made to.
    Left,
    Failed(String),
}

type Socket = WebSocketStream<tokio::net::TcpStream>;

struct Client {
    crowd: Rc<Crowd>,
    nth: usize,
    /// When it began to come.
    began: Instant,
    /// It is let in, which is another thing than to be in a room.
    let_in: bool,
    /// It is one of those that are waited for.
    awaited: bool,
    ready: bool,
    next_id: u64,
    /// The last second it was shown, ms.
    last: u64,
    /// It has been told since that nothing runs, so seconds may be missing.
    rested: bool,
    /// Whether its session runs, as far as it has asked for that.
    runs: bool,
}

impl Client {
    async fn follow(&mut self, mut socket: Socket, deeds: &mut UnboundedReceiver<Deed>) -> Ended {
        loop {
            tokio::select! {
                message = socket.next() => {
                    let answer = match message {
                        Some(Ok(Message::Text(text))) => self.hear(&text),
                        Some(Ok(Message::Close(Some(frame)))) => return Ended::Failed(format!("closed {}", frame.code)),
                        Some(Ok(Message::Close(None))) | None => return Ended::Failed("closed".to_owned()),
                        Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                        Some(Err(error)) => return Ended::Failed(error.to_string()),
                    };
                    for text in answer {
                        if let Err(error) = socket.send(Message::text(text)).await {
                            return Ended::Failed(error.to_string());
                        }
                    }
                }
                Some(deed) = deeds.recv() => match deed {
                    Deed::Toggle(at) => {
                        let command = self.toggle(at);
                        if let Err(error) = socket.send(Message::text(command)).await {
                            return Ended::Failed(error.to_string());
                        }
                    }
                    Deed::Enter => {
                        if let Some(text) = self.enter()
                            && let Err(error) = socket.send(Message::text(text)).await
                        {
                            return Ended::Failed(error.to_string());
                        }
                    }
                    Deed::ComeAgain => return Ended::Left,
                    Deed::StopReading => std::future::pending().await,
                }
            }
        }
    }

    /// Takes in a message; returns what is to be said to it.
    fn hear(&mut self, text: &str) -> Vec<String> {
        let now = Instant::now();
        self.crowd.note(|seen| {
            seen.counts.messages += 1;
            seen.counts.bytes += text.len() as u64;
        });
        match self.crowd.share.speech.read(text) {
            Heard::Tick(at) => self.tick(at),
            Heard::LetIn => {
                self.let_in = true;
                return self.enter().into_iter().collect();
            }
            Heard::Joined(room) => {
                if self.is_hand() {
                    self.crowd.user(self.nth).borrow_mut().room = Some(room.to_owned());
                    self.crowd.room_is_there(self.nth);
                }
                return self.is_there(now);
            }
            Heard::Ready => return self.is_there(now),
            Heard::Update { rev, stops } => {
                self.rested |= stops;
                if self.is_elsewhere(self.nth) {
                    let shown = self.crowd.user(self.nth).borrow_mut().shown(rev, now, self.devices_elsewhere());
                    self.crowd.note(|seen| shown.into_iter().for_each(|sight| seen.note_update(sight)));
                }
            }
            Heard::Ack { id, rev } => {
                let shown = self.crowd.user(self.nth).borrow_mut().ack(id, rev, self.devices_elsewhere());
                self.crowd.note(|seen| {
                    seen.counts.acks += 1;
                    shown.into_iter().for_each(|sight| seen.note_update(sight));
                });
            }
            Heard::Error => self.crowd.note(|seen| seen.counts.errors += 1),
            Heard::Answer(answer) => return vec![answer.to_owned()],
            Heard::Other => {}
        }
        Vec::new()
    }

    fn tick(&mut self, at: u64) {
        self.set_ready(true);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let late = u64::try_from(now.as_micros()).unwrap_or(u64::MAX).saturating_sub(at * 1000);
        let last = std::mem::replace(&mut self.last, at);
        let rested = std::mem::take(&mut self.rested);
        self.crowd.note(|seen| {
            seen.counts.ticks += 1;
            seen.late.note(late);
            if last > 0 {
                match at.checked_sub(last) {
                    None | Some(0) => seen.counts.doubled += 1,
                    Some(_) if rested => {}
                    Some(step) => seen.counts.missing += (step / 1000).saturating_sub(1),
                }
            }
        });
    }

    /// Returns what has it come into the room, once it may and the room is there; the hand makes the room.
    fn enter(&self) -> Option<String> {
        let user = self.crowd.user(self.nth).borrow();
        (self.let_in && (self.is_hand() || user.room.is_some())).then(|| Speech::enter(user.room.as_deref()))
    }

    /// Everything is there; returns what is to be begun.
    fn is_there(&mut self, now: Instant) -> Vec<String> {
        let took = now - self.began;
        self.crowd.note(|seen| seen.ready.note(u64::try_from(took.as_micros()).unwrap_or(u64::MAX)));
        self.last = 0;
        if self.sessions() == 0 || !self.is_hand() {
            self.set_ready(true);
        }
        let begun = if self.is_hand() { self.sessions() } else { 0 };
        (0..begun)
            .map(|nth| {
                self.next_id += 1;
                self.crowd.share.speech.begin(nth, self.next_id)
            })
            .collect()
    }

    fn toggle(&mut self, at: Instant) -> String {
        self.runs = !self.runs;
        self.next_id += 1;
        self.crowd.user(self.nth).borrow_mut().send(self.next_id, at);
        self.crowd.note(|seen| seen.counts.sent += 1);
        self.crowd.share.speech.toggle(self.runs, self.next_id)
    }

    fn set_ready(&mut self, ready: bool) {
        let was = std::mem::replace(&mut self.ready, ready);
        let count = &self.crowd.ready;
        match (was, ready) {
            (false, true) => {
                count.set(count.get() + 1);
                let awaited = std::mem::take(&mut self.awaited);
                self.crowd.arrived.set(self.crowd.arrived.get() + usize::from(awaited));
            }
            (true, false) => count.set(count.get() - 1),
            (true, true) | (false, false) => {}
        }
    }

    fn sessions(&self) -> usize {
        self.crowd.share.scenario.sessions()
    }

    /// Whether it is the device that gives the commands.
    fn is_hand(&self) -> bool {
        self.nth.is_multiple_of(self.crowd.share.scenario.devices())
    }

    /// Whether a device's sight of a change counts: in a room everybody's but the hand's, else that of devices on
    /// another server than the hand, if there are several.
    fn is_elsewhere(&self, nth: usize) -> bool {
        let targets = self.crowd.share.targets.len();
        let device = nth % self.crowd.share.scenario.devices();
        let counts_all = targets == 1 || self.crowd.share.speech == Speech::Rooms;
        device > 0 && (counts_all || !device.is_multiple_of(targets))
    }

    fn devices_elsewhere(&self) -> usize {
        (0..self.crowd.share.scenario.devices()).filter(|device| self.is_elsewhere(*device)).count()
    }
}
