//! Requests for the server's time over a WebSocket, by `time-ping` and `time-pong`.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::server_clock::ServerClock;

/// A request without an answer by then has none.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// The server's time in the middle of a round trip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pong {
    request: u64,
    server_ms: f64,
}

impl Pong {
    /// Reads a `time-pong`.
    pub(crate) fn parse(message: &Map<String, Value>) -> Option<Self> {
        let number = |field: &str| message.get(field).and_then(Value::as_f64);
        let server_ms = f64::midpoint(number("t1")?, number("t2")?);
        // The requests of the library have whole numbers from 1 on.
        Some(Self { request: message.get("t0").and_then(Value::as_u64).unwrap_or_default(), server_ms })
    }
}

/// The requests of one client; one is in progress at a time.
#[derive(Debug, Default)]
pub(crate) struct TimePings {
    count: u64,
    pending: Option<(u64, Instant)>,
}

impl TimePings {
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.pending.map(|(_, sent_at)| sent_at + PING_TIMEOUT)
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    pub(crate) fn handle_deadline(&mut self, clock: &mut ServerClock, now: Instant) {
        if self.deadline().is_some_and(|at| at <= now) {
            self.cancel(clock, now);
        }
    }

    /// Begins a measurement if one is due.
    pub(crate) fn sync(&mut self, clock: &mut ServerClock, now: Instant, send: impl FnOnce(String) -> bool) {
        if clock.begin_if_due(now) {
            self.request(clock, now, send);
        }
    }

    /// Processes an answer, and requests the time once more if the measurement is not complete.
    pub(crate) fn receive(
        &mut self,
        pong: Pong,
        clock: &mut ServerClock,
        now: Instant,
        send: impl FnOnce(String) -> bool,
    ) {
        let Some((_, sent_at)) = self.pending.take_if(|(request, _)| *request == pong.request) else { return };
        if clock.sample(sent_at, pong.server_ms, now) {
            self.request(clock, now, send);
        }
    }

    /// Ends the request in progress without an answer.
    pub(crate) fn cancel(&mut self, clock: &mut ServerClock, now: Instant) {
        self.pending = None;
        clock.fail(now);
    }

    fn request(&mut self, clock: &mut ServerClock, now: Instant, send: impl FnOnce(String) -> bool) {
        self.count += 1;
        self.pending = Some((self.count, now));
        if !send(json!({ "type": "time-ping", "t0": self.count }).to_string()) {
            self.cancel(clock, now);
        }
    }
}
