//! Messages of the WebSocket.

use serde::Serialize;
use timers::punch_clock::{PunchClockLimits, PunchDay};
use timers::{Beat, Board, Timestamp};

use crate::punch_clock::document::{Document, bare, json};

/// The current day at a whole second.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PunchClockTickMessage"))]
pub(crate) struct LiveTick {
    r#type: &'static str,
    payload: LiveSeconds,
}

/// The seconds of the current run.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PunchClockTick"))]
struct LiveSeconds {
    /// The seconds of the current run of work; 0 during a break.
    live_work_seconds: u64,
    /// The seconds of the current break; 0 at work.
    live_break_seconds: u64,
}

/// Renders `session`: the whole document.
pub(crate) fn session(board: &Board, now: Timestamp) -> String {
    format!(r#"{{"type":"session","payload":{}}}"#, bare(&Document::of_board(board, now)))
}

/// Renders `tick`: the seconds of the current run of work, and of the current break; `None` before the first punch.
pub(crate) fn tick(board: &Board, beat: Beat) -> Option<String> {
    let day = board.get::<PunchDay>(&())?;
    let instant = beat.instant();
    // At midnight the beat comes before the commit that archives the day.
    let (live_work_seconds, live_break_seconds) = if instant < day.end() {
        day.tick_at(beat)?
    } else {
        day.rolled(instant, &PunchClockLimits::default()).0.tick_at(beat)?
    };
    Some(json(&LiveTick { r#type: "tick", payload: LiveSeconds { live_work_seconds, live_break_seconds } }))
}
