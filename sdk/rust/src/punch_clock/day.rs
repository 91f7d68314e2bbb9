//! What is displayed of a working day: the day with the punches that wait, and the live seconds. Pure.

use crate::punch_clock::protocol::{Punch, WorkDay, WorkStatus};

/// The seconds of the current run of work, or of the current break; the other is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveSeconds {
    pub work_seconds: i64,
    pub break_seconds: i64,
}

/// Returns the day with punches that the server has not answered yet.
pub(crate) fn with_punches(day: &WorkDay, punches: impl IntoIterator<Item = Punch>) -> WorkDay {
    let mut next = day.clone();
    for punch in punches {
        if next.entries.iter().any(|entry| entry.id == punch.id) {
            continue;
        }
        let is_last = next.entries.iter().all(|entry| entry.timestamp <= punch.timestamp);
        // Of two neighbours of one type the earlier stands.
        if is_last && punch.kind != next.current_status {
            next.current_status = punch.kind;
            next.session_start_time = (punch.kind == WorkStatus::In).then_some(punch.timestamp);
        }
        next.entries.push(punch);
        next.entries.sort_by_key(|entry| entry.timestamp);
    }
    next
}

/// Returns the live seconds of a day at a whole second of the server's time.
#[must_use]
pub fn live_seconds(day: &WorkDay, beat_ms: i64) -> LiveSeconds {
    let seconds = |since: Option<i64>| since.map_or(0, |since| beat_ms.saturating_sub(since).max(0) / 1000);
    match day.current_status {
        WorkStatus::In => LiveSeconds { work_seconds: seconds(day.session_start_time), break_seconds: 0 },
        WorkStatus::Out => LiveSeconds { work_seconds: 0, break_seconds: seconds(break_start(&day.entries)) },
    }
}

/// The OUT that stands last: of neighbouring OUTs the first.
fn break_start(entries: &[Punch]) -> Option<i64> {
    let last_in = entries.iter().rposition(|entry| entry.kind == WorkStatus::In)?;
    entries.get(last_in + 1).map(|entry| entry.timestamp)
}
