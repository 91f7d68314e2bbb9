//! The room as last reported by the server, and the value of its countdown at an instant. Pure.

use std::sync::Arc;

use crate::rooms::protocol::{Room, RoomEvent, TimerState};

/// What a countdown is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountdownPhase {
    Running,
    Paused,
    /// It has not started, was reset, or has reached zero.
    Ready,
}

impl TimerState {
    /// Returns what the countdown is doing.
    #[must_use]
    pub fn phase(&self) -> CountdownPhase {
        match (self.is_running, self.is_paused) {
            (true, _) => CountdownPhase::Running,
            (false, true) => CountdownPhase::Paused,
            (false, false) => CountdownPhase::Ready,
        }
    }
}

/// Returns the remaining time of a countdown at an instant of the server's time, in milliseconds.
#[must_use]
pub fn remaining_ms(state: &TimerState, server_now: i64) -> i64 {
    match state.ends_at {
        Some(ends_at) if state.is_running => ends_at.saturating_sub(server_now).max(0),
        Some(_) | None => state.remaining_time.saturating_mul(1000),
    }
}

/// A countdown that is displayed with fewer seconds than the server's time says keeps them, if that is by less than this: no
/// second is displayed twice after a measurement of the time.
const AHEAD_MAX_SECONDS: i64 = 5;

/// Returns the displayed remaining time at an instant of the server's time, in whole seconds rounded up. `displayed` is the
/// state that is displayed, and its seconds.
pub(crate) fn remaining_seconds(state: &TimerState, server_now: i64, displayed: Option<(&TimerState, i64)>) -> i64 {
    let seconds = remaining_ms(state, server_now).saturating_add(999) / 1000;
    let is_same_run = |other: &TimerState| other.is_running && state.is_running && other.ends_at == state.ends_at;
    let kept = displayed.filter(|(other, _)| is_same_run(other)).map(|(_, kept)| kept);
    kept.filter(|kept| (1..AHEAD_MAX_SECONDS).contains(&seconds.saturating_sub(*kept))).unwrap_or(seconds)
}

/// The room, and when its countdown has reached zero last, until it starts again.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoomModel {
    pub(crate) room: Option<Arc<Room>>,
    pub(crate) completed_at: Option<i64>,
}

impl RoomModel {
    /// Applies an event. Returns whether anything has changed.
    pub(crate) fn apply(&mut self, event: &RoomEvent) -> bool {
        if let RoomEvent::Joined(room) = event {
            self.completed_at = missed_completion(self.room.as_deref(), room);
            self.room = Some(Arc::clone(room));
            return true;
        }
        let Some(shared) = self.room.as_mut().filter(|room| room.session_id == event.session_id()) else {
            return false;
        };
        match event {
            RoomEvent::State(state) => {
                if state.rev < shared.state.rev {
                    return false;
                }
                if state.phase() != CountdownPhase::Ready {
                    self.completed_at = None;
                }
                Arc::make_mut(shared).state = state.clone();
            }
            RoomEvent::Completed(completion) => self.completed_at = Some(completion.completed_at),
            RoomEvent::MemberJoined(change) | RoomEvent::MemberLeft(change) => {
                let room = Arc::make_mut(shared);
                (room.clients, room.count) = (change.clients.clone(), change.count);
            }
            RoomEvent::Tick(_) | RoomEvent::Joined(_) => return false,
        }
        true
    }
}

impl RoomEvent {
    fn session_id(&self) -> &str {
        match self {
            Self::Joined(room) => &room.session_id,
            Self::State(state) => &state.session_id,
            Self::Tick(tick) => &tick.session_id,
            Self::Completed(completion) => &completion.session_id,
            Self::MemberJoined(change) | Self::MemberLeft(change) => &change.session_id,
        }
    }

    /// Returns the server's time when the event was sent, if it has one.
    pub(crate) fn server_time(&self) -> Option<i64> {
        match self {
            Self::Joined(room) => Some(room.state.server_time),
            Self::State(state) => Some(state.server_time),
            Self::Tick(tick) => Some(tick.server_time),
            Self::Completed(_) | Self::MemberJoined(_) | Self::MemberLeft(_) => None,
        }
    }
}

/// Returns when the countdown completed while the client was disconnected.
fn missed_completion(before: Option<&Room>, now: &Room) -> Option<i64> {
    let before = before.filter(|before| before.session_id == now.session_id && before.state.is_running)?;
    let is_completed = now.state.phase() == CountdownPhase::Ready && now.state.started_at == before.state.started_at;
    before.state.ends_at.filter(|ends_at| is_completed && *ends_at <= now.state.server_time)
}

#[cfg(test)]
mod tests;
