//! The ticks of running sessions.

use std::fmt::Write;

use timers::stopwatch::Stopwatch;
use timers::{Beat, Board, SessionId, Timestamp};

use crate::clockit::Format;
use crate::clockit::state::{all_in_order, in_order};
use crate::dialect::Text;

/// Renders the ticks of a beat: of running sessions only. Returns whether the next beat's ticks differ only in their
/// counters, each of which is 1000 higher.
pub(crate) fn ticks(format: Format, board: &Board, beat: Beat, mut send: impl FnMut(Text<'_>)) -> bool {
    let mut all_tick = true;
    let running = all_in_order(board).into_iter().filter(|session| session.is_running()).filter_map(|session| {
        let elapsed = session.tick_at(beat);
        all_tick &= elapsed.is_some();
        Some(TickValue { session: &session.id, elapsed_ms: elapsed?.0, running: true })
    });
    write(format, running, beat.instant(), &mut send);
    all_tick
}

/// Renders the last tick of each session that ran in `old` and no longer runs in `new`.
pub(crate) fn last_ticks(format: Format, old: &Board, new: &Board, send: &mut impl FnMut(Text<'_>)) {
    let ended = old.changed::<Stopwatch>(new).filter_map(|(before, after)| {
        let session = after.filter(|session| !session.is_running())?;
        before.is_some_and(|before| before.created == session.created && before.is_running()).then_some(session)
    });
    let ended = in_order(ended.collect()).into_iter();
    let last =
        ended.map(|session| TickValue { session: &session.id, elapsed_ms: session.accumulated.0, running: false });
    write(format, last, new.at, send);
}

struct TickValue<'a> {
    session: &'a SessionId,
    elapsed_ms: u64,
    running: bool,
}

fn write<'a>(
    format: Format,
    values: impl Iterator<Item = TickValue<'a>>,
    server_time: Timestamp,
    send: &mut impl FnMut(Text<'_>),
) {
    let mut counters = Vec::new();
    match format {
        Format::Seed => {
            let mut text = String::with_capacity(128);
            for value in values {
                text.clear();
                text.push_str(r#"{"type":"tick","payload":"#);
                counters.clear();
                counters.push(write_value(&mut text, &value));
                text.push('}');
                send(Text { json: &text, counters: &counters });
            }
        }
        Format::V1 => {
            let mut text = String::new();
            for value in values {
                if text.is_empty() {
                    text.reserve(192);
                    text.push_str(r#"{"type":"tick","payload":["#);
                } else {
                    text.push(',');
                }
                counters.push(write_value(&mut text, &value));
            }
            if !text.is_empty() {
                write!(text, r#"],"serverTime":{server_time}"#).expect("writing to a string cannot fail");
                counters.push(text.len());
                text.push('}');
                send(Text { json: &text, counters: &counters });
            }
        }
    }
}

/// Writes one value, and returns where its counter ends.
fn write_value(text: &mut String, value: &TickValue<'_>) -> usize {
    text.push_str(r#"{"sessionId":"#);
    write_json_string(text, value.session.as_str());
    write!(text, r#","elapsedMs":{}"#, value.elapsed_ms).expect("writing to a string cannot fail");
    let end = text.len();
    write!(text, r#","running":{}}}"#, value.running).expect("writing to a string cannot fail");
    end
}

/// Writes a JSON string. Ids have no control characters, so only quotes and backslashes are escaped.
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
