//! Messages of the WebSocket.

use serde::Serialize;
use timers::punch_clock::{PunchClockLimits, PunchDay};
use timers::{Beat, Board, Timestamp};

use crate::punch_clock::document::{Document, bare, json};

/// Renders `session`: the whole document.
pub(crate) fn session(board: &Board, now: Timestamp) -> String {
    format!(r#"{{"type":"session","payload":{}}}"#, bare(&Document::of_board(board, now)))
}

/// Renders `tick`: the seconds of the current run of work, and of the current break; `None` before the first punch.
pub(crate) fn tick(board: &Board, beat: Beat) -> Option<String> {
    #[derive(Serialize)]
    struct Tick {
        r#type: &'static str,
        payload: Payload,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Payload {
        live_work_seconds: u64,
        live_break_seconds: u64,
    }
    let day = board.get::<PunchDay>(&())?;
    let instant = beat.instant();
    // At midnight the beat comes before the commit that archives the day.
    let (live_work_seconds, live_break_seconds) = if instant < day.end() {
        day.tick_at(beat)?
    } else {
        day.rolled(instant, &PunchClockLimits::default()).0.tick_at(beat)?
    };
    Some(json(&Tick { r#type: "tick", payload: Payload { live_work_seconds, live_break_seconds } }))
}
