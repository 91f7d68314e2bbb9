//! From what a reader is to see to frames: each made once for a view and a dialect.

use bytes::Bytes;
use engine::{Showing, Sight};
use timers::Timestamp;
use wire::clockit::{Dialect, catch_up, news, ready, ticks};

use crate::ws::{Frames, frame};

/// Which kind of frame, in the cache of a view; together with the dialect.
const NEWS: u8 = 0;
const WHOLE: u8 = 1;
const TICKS: u8 = 2;
const KINDS: u8 = 3;

/// Frames, ready to be written.
#[derive(Clone)]
pub(crate) struct Rendered {
    pub(crate) frames: Bytes,
    /// How many messages they are.
    pub(crate) messages: u64,
}

/// Returns the frames of one sight; none if the dialect has nothing to say.
pub(crate) fn render(dialect: Dialect, sight: &Sight<'_>, now: impl Fn() -> Timestamp) -> Rendered {
    let kind = |kind: u8| match dialect {
        Dialect::Seed => kind,
        Dialect::V1 => kind + KINDS,
    };
    match *sight {
        // It carries the time of day, so it is made for each.
        Sight::First(view) => Rendered { frames: frame::text(&ready(&view.board, now())), messages: 1 },
        Sight::Whole { old, new } => new.frames.get(kind(WHOLE), old.board.position.tag.0, || {
            frames(|frames| catch_up(dialect, &old.board, &new.board, now(), |text| frames.text(text)))
        }),
        Sight::News { old, new } => new.frames.get(kind(NEWS), old.board.position.tag.0, || {
            frames(|frames| news(dialect, &old.board, &new.board, now(), |text| frames.text(text)))
        }),
        Sight::Beat(view, beat) => view.frames.get(kind(TICKS), beat.0, || {
            frames(|frames| {
                ticks(dialect, &view.board, beat, |text, _| frames.text(text));
            })
        }),
    }
}

/// Returns the ticks of the last beat; empty if there are none.
pub(crate) fn ticks_at(dialect: Dialect, showing: &mut Showing) -> &[u8] {
    let kind = match dialect {
        Dialect::Seed => 0,
        Dialect::V1 => 1,
    };
    showing.sheet(kind, |sheet, view, beat| {
        let moves = ticks(dialect, &view.board, beat, |text, counts| {
            frame::put_text(sheet.bytes_mut(), text);
            let begin = sheet.bytes_mut().len() - text.len();
            for end in counts {
                sheet.ends_count(begin + end);
            }
        });
        if moves {
            sheet.moves();
        }
    })
}

fn frames(write: impl FnOnce(&mut Frames)) -> Rendered {
    let mut frames = Frames::default();
    write(&mut frames);
    Rendered { messages: frames.count(), frames: frames.finish() }
}
