//! The devices of a person: one node is in front of each until it fails.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::link::Link;
use super::log::{Departure, DepartureKind, Exchange, SessionLog, SocketLog, StatusChange};
use super::requests::{ANSWER_TIMEOUT, FocusRequest, send};
use super::{FocusProfile, FocusState, IDLE_AFTER, Refusal};
use crate::client::{Load, RunContext};
use crate::record::Event;

mod endings;

/// Longest pause before a request is repeated, or a device connects again.
const REPEAT_PAUSE_MS: u64 = 200;

/// Pause before a device that tracks nothing looks for a session.
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// A device.
pub(super) struct FocusPage {
    person: String,
    device: usize,
    context: RunContext,
    state: Arc<Mutex<FocusState>>,
    random: Rng,
    /// The node in front.
    node: usize,
    link: Option<Link>,
}

/// The answer to a message of a socket.
enum SocketAnswer {
    Done,
    Refused(String),
    Lost,
}

/// The load of a device, until all have finished.
pub(super) async fn run(profile: FocusProfile, device: usize, context: RunContext, state: Arc<Mutex<FocusState>>) {
    let mut load: watch::Receiver<Load> = context.load.clone();
    let node = (profile.node + device) % context.nodes.len();
    let random = Rng::with_seed(profile.seed.wrapping_add(device as u64));
    let mut page = FocusPage { person: profile.person, device, context, state, random, node, link: None };
    tokio::select! {
        () = page.work() => {}
        _ = load.wait_for(|load| *load == Load::Finished) => {}
    }
    page.drop_socket().await;
}

impl FocusPage {
    async fn work(&mut self) {
        loop {
            if self.device == 0 && self.is_active() && self.current().is_none() {
                self.create().await;
            }
            self.track().await;
            if self.is_active() && self.tracked().is_some() {
                self.act().await;
            } else {
                sleep(LOOK_PAUSE).await; // tidy: allow: nothing is to be done
            }
            self.set_pending(None);
        }
    }

    fn is_active(&self) -> bool {
        *self.context.load.borrow() == Load::Active
    }

    fn now(&self) -> Duration {
        self.context.started_at.elapsed()
    }

    /// Returns the session that the person works on.
    fn current(&self) -> Option<usize> {
        self.state.lock().current
    }

    fn tracked(&self) -> Option<(usize, usize)> {
        self.state.lock().devices[self.device].tracked
    }

    fn set_pending(&self, what: Option<&str>) {
        self.state.lock().devices[self.device].pending = what.map(str::to_owned);
    }

    async fn pause(&mut self, ms: std::ops::Range<u64>) {
        let span = Duration::from_millis(self.random.u64(ms));
        sleep(span).await; // tidy: allow: a person's pace
    }

    async fn act(&mut self) {
        let idle_ms = IDLE_AFTER.1.as_millis() as u64;
        let choice = self.random.u64(0..100);
        match (choice, self.device) {
            (0..40, _) | (_, 1..) if choice < 70 => self.work_for_a_moment().await,
            (40..55, _) => self.pause(300..idle_ms + 1500).await,
            (55..66, 0) => self.switch_tab().await,
            (66..70, 0) => self.start_again().await,
            (70..78, 0) => self.take_a_break().await,
            // The device tracks another session next, and leaves this one open.
            (78..80, 0) => self.state.lock().current = None,
            (80..90, _) | (_, 1..) => {
                self.drop_socket().await;
                self.pause(200..1200).await;
                self.change_node();
            }
            (_, 0) => self.end().await,
        }
    }

    /// Activity in a burst.
    async fn work_for_a_moment(&mut self) {
        for _ in 0..self.random.u64(3..9) {
            let Some(link) = &self.link else { return };
            link.send(json!({ "type": "activity" }));
            self.pause(30..120).await;
        }
    }

    /// Creates a session.
    async fn create(&mut self) {
        self.set_pending(Some("create"));
        let target_minutes = self.random.u64(1..4);
        let body = json!({ "subject": "Faults", "targetMinutes": target_minutes });
        let (answered, attempts) = self.request("POST", "/api/sessions".to_owned(), body).await;
        let mut state = self.state.lock();
        state.unknown_creations += attempts - 1;
        let Some(id) = answered["session"]["id"].as_str() else { return };
        state.sessions.push(SessionLog { id: id.to_owned(), target_minutes, ..SessionLog::default() });
        state.current = Some(state.sessions.len() - 1);
    }

    /// Has the socket track the session, with another socket if it is lost.
    async fn track(&mut self) {
        let Some(session) = self.current() else { return };
        if self.gives_up_a_lost_socket() {
            self.drop_socket().await;
            self.change_node();
            self.state.lock().current = None;
            return;
        }
        while self.tracked().is_none_or(|(tracked, _)| tracked != session) || self.link_is_lost() {
            self.set_pending(Some("start"));
            if self.link_is_lost() {
                self.drop_socket().await;
                match self.open().await {
                    Some(link) => self.link = Some(link),
                    None => {
                        self.change_node();
                        self.pause(1..REPEAT_PAUSE_MS).await;
                        continue;
                    }
                }
            }
            match self.start(session).await {
                SocketAnswer::Done => {}
                SocketAnswer::Lost => {
                    self.drop_socket().await;
                    self.change_node();
                    self.pause(1..REPEAT_PAUSE_MS).await;
                }
                SocketAnswer::Refused(reason) => return self.give_up(session, reason),
            }
        }
        self.set_pending(None);
    }

    /// Chooses whether a session stays open whose node has gone: no socket returns to it, so that its clock stops there.
    fn gives_up_a_lost_socket(&mut self) -> bool {
        let is_lost = self.link.as_ref().is_some_and(Link::is_lost);
        self.device == 0 && is_lost && self.is_active() && self.random.bool()
    }

    fn link_is_lost(&self) -> bool {
        self.link.as_ref().is_none_or(Link::is_lost)
    }

    fn change_node(&mut self) {
        self.node = (self.node + 1) % self.context.nodes.len();
    }

    /// Returns the node of the socket, or the one in front if there is no socket.
    fn node_of_socket(&self) -> usize {
        self.link.as_ref().map_or(self.node, |link| link.node)
    }

    async fn open(&self) -> Option<Link> {
        match Link::open(self.node, self.device, &self.state, &self.context).await {
            Ok(link) => Some(link),
            Err(reason) => {
                self.state.lock().write(self.device, self.now(), Event::Closed(format!("{reason:#}")));
                None
            }
        }
    }

    /// Sends `start` until it is answered.
    async fn start(&mut self, session: usize) -> SocketAnswer {
        let Some(node) = self.link.as_ref().map(|link| link.node) else { return SocketAnswer::Lost };
        let (socket, left) = {
            let mut state = self.state.lock();
            let log = &mut state.sessions[session];
            log.sockets.push(SocketLog { node, starts: vec![], activity: vec![], departure: None });
            let socket = log.sockets.len() - 1;
            (socket, state.devices[self.device].tracked.replace((session, socket)))
        };
        let from = self.now();
        let answer = self.send_start(session, socket).await;
        if let Some((left, socket)) = left {
            let departure = Departure { from, until: self.now(), kind: DepartureKind::Dropped };
            self.state.lock().sessions[left].sockets[socket].departure.get_or_insert(departure);
        }
        if let SocketAnswer::Refused(_) = answer {
            let now = self.now();
            self.state.lock().depart(self.device, now, now, DepartureKind::Told);
        }
        answer
    }

    async fn send_start(&mut self, session: usize, socket: usize) -> SocketAnswer {
        let sent = self.now();
        let (nth, id) = {
            let log = &mut self.state.lock().sessions[session];
            log.sockets[socket].starts.push(Exchange::sent(sent));
            (log.sockets[socket].starts.len() - 1, log.id.clone())
        };
        let answer = self.ask(&json!({ "type": "start", "sessionId": id }), "started").await;
        if let SocketAnswer::Done = answer {
            self.state.lock().sessions[session].sockets[socket].starts[nth].answered = Some(self.now());
        }
        answer
    }

    /// Stops work on a session that cannot be tracked. That is no violation if it is being ended.
    fn give_up(&mut self, session: usize, reason: String) {
        let (at, node) = (self.now(), self.node_of_socket());
        let mut state = self.state.lock();
        if state.sessions[session].ends.is_empty() {
            state.refusals.push(Refusal { at, node, reason });
        }
        state.current = state.current.filter(|current| *current != session);
    }

    async fn start_again(&mut self) {
        let Some((session, socket)) = self.tracked() else { return };
        self.set_pending(Some("start again"));
        match self.send_start(session, socket).await {
            SocketAnswer::Done => {}
            SocketAnswer::Refused(reason) => self.give_up(session, reason),
            // A late answer would be taken for that of the next message.
            SocketAnswer::Lost => self.drop_socket().await,
        }
    }

    async fn switch_tab(&mut self) {
        let Some((session, _)) = self.tracked() else { return };
        self.set_pending(Some("tabSwitch"));
        let nth = {
            let mut state = self.state.lock();
            let sent = Exchange::sent(self.now());
            state.sessions[session].tab_switches.push(sent);
            state.sessions[session].tab_switches.len() - 1
        };
        match self.ask(&json!({ "type": "tabSwitch" }), "tabSwitchAck").await {
            SocketAnswer::Done => {
                self.state.lock().sessions[session].tab_switches[nth].answered = Some(self.now());
            }
            SocketAnswer::Refused(reason) => {
                let (at, node) = (self.now(), self.node_of_socket());
                self.state.lock().refusals.push(Refusal { at, node, reason });
            }
            SocketAnswer::Lost => self.drop_socket().await,
        }
    }

    /// Sends a message and waits for its answer. Repeats it as long as an error says so.
    async fn ask(&mut self, message: &Value, answer: &str) -> SocketAnswer {
        loop {
            let Some(link) = &mut self.link else { return SocketAnswer::Lost };
            link.send(message.clone());
            let received = timeout(ANSWER_TIMEOUT, async {
                while let Some(received) = link.inbox.recv().await {
                    if received["type"] == answer || received["type"] == "error" {
                        return Some(received);
                    }
                }
                None
            });
            match received.await {
                Ok(Some(received)) if received["type"] == answer => return SocketAnswer::Done,
                // `outcome_unknown` comes without an advice to repeat, since a tab switch would count twice.
                Ok(Some(received)) if received["retry"] == true => {}
                Ok(Some(received)) if received["code"] == "outcome_unknown" => return SocketAnswer::Lost,
                Ok(Some(received)) => return SocketAnswer::Refused(format!("{message}: {received}")),
                Ok(None) | Err(_) => return SocketAnswer::Lost,
            }
            self.pause(1..REPEAT_PAUSE_MS).await;
        }
    }

    /// Pauses the session, and resumes it over HTTP or by a `start`.
    async fn take_a_break(&mut self) {
        let Some((session, _)) = self.tracked() else { return };
        self.set_pending(Some("pause"));
        self.set_status(session, true).await;
        self.pause(200..1500).await;
        if self.random.bool() && self.tracked().is_some() {
            self.start_again().await;
        } else {
            self.set_status(session, false).await;
        }
    }

    async fn set_status(&mut self, session: usize, is_pause: bool) {
        let exchange = Exchange::sent(self.now());
        let (id, nth) = {
            let log = &mut self.state.lock().sessions[session];
            log.statuses.push(StatusChange { is_pause, exchange, is_repeated: false });
            (log.id.clone(), log.statuses.len() - 1)
        };
        let status = if is_pause { "paused" } else { "active" };
        let (_, attempts) = self.request("PUT", format!("/api/sessions/{id}"), json!({ "status": status })).await;
        let change = &mut self.state.lock().sessions[session].statuses[nth];
        (change.exchange.answered, change.is_repeated) = (Some(self.now()), attempts > 1);
    }

    /// Requests until there is an answer; returns it, and the number of attempts.
    async fn request(&mut self, method: &'static str, path: String, body: Value) -> (Value, usize) {
        let request = FocusRequest { method, path, body };
        for attempts in 1.. {
            let node = self.node;
            let sent = json!({ "node": node, "method": method, "path": request.path, "body": request.body });
            self.state.lock().write(self.device, self.now(), Event::Sent(sent));
            match send(&self.person, self.context.nodes[node], &request).await {
                Ok((status, answer)) => {
                    let (at, received) = (self.now(), json!({ "status": status, "answer": answer }));
                    let mut state = self.state.lock();
                    state.write(self.device, at, Event::Received(received));
                    if !(200..300).contains(&status) {
                        let reason = format!("{method} {}: {status}: {answer}", request.path);
                        state.refusals.push(Refusal { at, node, reason });
                    }
                    return (answer, attempts);
                }
                Err(reason) => {
                    let failed = json!({ "failed": format!("{reason:#}") });
                    self.state.lock().write(self.device, self.now(), Event::Received(failed));
                }
            }
            self.change_node();
            self.pause(1..REPEAT_PAUSE_MS).await;
        }
        unreachable!("the attempts are not limited")
    }

    /// Drops the socket without notice.
    async fn drop_socket(&mut self) {
        let Some(link) = self.link.take() else { return };
        let from = self.now();
        link.cut().await;
        let until = self.now();
        self.state.lock().depart(self.device, from, until, DepartureKind::Dropped);
    }
}
