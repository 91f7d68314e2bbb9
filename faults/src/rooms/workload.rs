//! The workload of a client of a room.
//!
//! The host operates the countdown and stays in the room. The watchers stay in the room. The others come and go.

use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

use crate::rooms::view::{Countdown, RoomView};

/// Longest countdown, in seconds: several end in a run, some of them during its fault.
const DURATION_MAX: u64 = 2;

/// Time after the end of a countdown until the host sends another command, so that the command cannot prevent the end.
pub(super) const AFTER_END_MS: std::ops::Range<u64> = 600..1200;

/// The part that a client plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Host,
    Watcher,
    Guest,
}

/// What a client does next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// Send an event.
    Send(&'static str, Value),
    /// Send a DISCONNECT and reconnect.
    Disconnect,
    /// Close the socket without notice and reconnect; the client presents its `resume` or not.
    Drop {
        resumes: bool,
    },
    Nothing,
}

/// Chooses the actions of a client.
pub(super) struct RoomWorkload {
    role: Role,
    random: Rng,
    pace: Duration,
}

impl RoomWorkload {
    pub(super) fn new(role: Role, pace: Duration, seed: u64) -> Self {
        Self { role, random: Rng::with_seed(seed), pace }
    }

    /// Returns a random number below a limit.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.random.u64(0..end)
    }

    /// Returns the pause before the next action, given the countdown that the client shows.
    pub(super) fn pause(&mut self, countdown: Option<&Countdown>, has_just_started: bool) -> Duration {
        if let (Role::Host, Some(countdown), true) = (self.role, countdown, has_just_started) {
            let duration_ms = countdown.duration * 1000;
            // Most countdowns reach zero.
            return Duration::from_millis(if self.random.u8(0..3) > 0 {
                duration_ms + self.random.u64(AFTER_END_MS)
            } else {
                self.random.u64(100..duration_ms)
            });
        }
        // The host starts a countdown soon, so that one runs most of the time.
        let pace = self.pace.as_millis() as u64 / if self.role == Role::Host { 4 } else { 1 };
        Duration::from_millis(self.random.u64(pace / 2..pace * 3 / 2))
    }

    /// Returns the next action of a client that shows this, or is in no room.
    pub(super) fn next(&mut self, view: Option<&RoomView>) -> Action {
        let Some(view) = view else { return Action::Nothing };
        match self.role {
            Role::Host => self.operate(&view.countdown),
            Role::Watcher => Action::Nothing,
            Role::Guest => match self.random.u8(0..10) {
                0..3 => Action::Send("session:leave", Value::Null),
                3..5 => Action::Disconnect,
                5..8 => Action::Drop { resumes: true },
                _ => Action::Drop { resumes: false },
            },
        }
    }

    fn operate(&mut self, countdown: &Countdown) -> Action {
        // Most are short, since a run waits for the last ones.
        let duration = if self.random.u8(0..4) == 0 { DURATION_MAX } else { 1 };
        let start = json!({ "duration": duration });
        match (countdown.ends_at.is_some(), countdown.paused_at.is_some(), self.random.u8(0..4)) {
            (true, _, 0..2) => Action::Send("timer:pause", json!({})),
            (false, true, 0..3) => Action::Send("timer:resume", json!({})),
            (true, _, 2) | (_, true, _) => Action::Send("timer:reset", json!({})),
            (_, false, _) => Action::Send("timer:start", start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_role_has_its_actions_and_the_seed_determines_them() {
        let running = RoomView { countdown: countdown(Some(5), None), ..RoomView::default() };
        let paused = RoomView { countdown: countdown(None, Some(5)), ..RoomView::default() };
        let trace = |role, seed| {
            let mut workload = RoomWorkload::new(role, Duration::from_millis(100), seed);
            let views = [None, Some(&running), Some(&paused), Some(&RoomView::default())];
            (0..200).map(|nth| format!("{:?}", workload.next(views[nth % 4]))).collect::<Vec<String>>()
        };
        assert_eq!(trace(Role::Host, 1), trace(Role::Host, 1));
        assert_ne!(trace(Role::Host, 1), trace(Role::Host, 2));
        let has = |role, what: &str| trace(role, 1).iter().collect::<BTreeSet<_>>().iter().any(|it| it.contains(what));
        assert!(["start", "pause", "resume", "reset"].iter().all(|what| has(Role::Host, what)));
        assert!(["leave", "Disconnect", "resumes: true", "resumes: false"].iter().all(|what| has(Role::Guest, what)));
        assert!(!has(Role::Host, "leave") && !has(Role::Watcher, "Send") && !has(Role::Guest, "timer"));
    }

    fn countdown(ends_at: Option<u64>, paused_at: Option<u64>) -> Countdown {
        Countdown { duration: 3, started_at: Some(1), paused_at, ends_at }
    }
}
