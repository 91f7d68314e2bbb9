//! What running sessions show at a beat.

use std::fmt::Write;

use timers::stopwatch::Stopwatch;
use timers::{Beat, Board, SessionId, Timestamp};

use crate::clockit::Dialect;
use crate::clockit::state::in_order;

/// Renders the ticks of a beat: of running sessions only, and nothing at all if there is none.
///
/// `send` is also told where counts of milliseconds end. Returns whether a second later all is the same but these,
/// which are a thousand more.
pub fn ticks(dialect: Dialect, board: &Board, beat: Beat, mut send: impl FnMut(&str, &[usize])) -> bool {
    let mut all = true;
    let running = in_order(board).into_iter().filter(|session| session.is_running()).filter_map(|session| {
        let shown = session.tick_at(beat);
        all &= shown.is_some();
        Some(Shown { session: &session.id, elapsed_ms: shown?.0, running: true })
    });
    write(dialect, running, beat.instant(), &mut send);
    all
}

/// Renders the last tick of each session that ran in `old` and no longer does in `new`: frozen.
pub(crate) fn last_ticks(dialect: Dialect, old: &Board, new: &Board, mut send: impl FnMut(&str)) {
    let held = in_order(new).into_iter().filter(|session| {
        let before = old.stopwatch(&session.id).filter(|before| before.created == session.created);
        !session.is_running() && before.is_some_and(Stopwatch::is_running)
    });
    let frozen = held.map(|session| Shown { session: &session.id, elapsed_ms: session.accumulated.0, running: false });
    write(dialect, frozen, new.at, &mut |text, _| send(text));
}

struct Shown<'a> {
    session: &'a SessionId,
    elapsed_ms: u64,
    running: bool,
}

fn write<'a>(
    dialect: Dialect,
    shown: impl Iterator<Item = Shown<'a>>,
    server_time: Timestamp,
    send: &mut impl FnMut(&str, &[usize]),
) {
    let mut counts = Vec::new();
    match dialect {
        Dialect::Seed => {
            let mut text = String::with_capacity(128);
            for one in shown {
                text.clear();
                text.push_str(r#"{"type":"tick","payload":"#);
                counts.clear();
                counts.push(write_one(&mut text, &one));
                text.push('}');
                send(&text, &counts);
            }
        }
        Dialect::V1 => {
            let mut text = String::new();
            for one in shown {
                if text.is_empty() {
                    text.reserve(192);
                    text.push_str(r#"{"type":"tick","payload":["#);
                } else {
                    text.push(',');
                }
                counts.push(write_one(&mut text, &one));
            }
            if !text.is_empty() {
                write!(text, r#"],"serverTime":{server_time}"#).expect("a string takes all");
                counts.push(text.len());
                text.push('}');
                send(&text, &counts);
            }
        }
    }
}

/// Returns where its count ends.
fn write_one(text: &mut String, one: &Shown<'_>) -> usize {
    text.push_str(r#"{"sessionId":"#);
    write_json_string(text, one.session.as_str());
    write!(text, r#","elapsedMs":{}"#, one.elapsed_ms).expect("a string takes all");
    let end = text.len();
    write!(text, r#","running":{}}}"#, one.running).expect("a string takes all");
    end
}

/// Writes a JSON string; ids have no control characters, so that quotes and backslashes are all there is
/// to escape.
fn write_json_string(text: &mut String, value: &str) {
    text.push('"');
    if value.contains(['"', '\\']) {
        for letter in value.chars() {
            if matches!(letter, '"' | '\\') {
                text.push('\\');
            }
            text.push(letter);
        }
    } else {
        text.push_str(value);
    }
    text.push('"');
}
