//! From deliveries to WebSocket frames. Frames are rendered once for each view and dialect, and shared by all clients.

use bytes::Bytes;
use engine::{Delivery, TickContext};
use net::websocket::{FrameBuffer, frame};
use timers::Timestamp;
use wire::TextDialect;

/// The kinds of frames in the cache of a view.
const DIFF: u8 = 0;
const RESYNC: u8 = 1;
const TICKS: u8 = 2;
const REDATED: u8 = 3;

/// Frames, ready to be written.
#[derive(Clone)]
pub(crate) struct Rendered {
    pub(crate) frames: Bytes,
    /// The number of messages.
    pub(crate) messages: u64,
}

/// Returns the frames of one delivery; no frames if the dialect has nothing to send.
pub(crate) fn render<D: TextDialect>(delivery: &Delivery<'_>, now: impl Fn() -> Timestamp) -> Rendered {
    match *delivery {
        // A greeting carries the time of day, so it is rendered for each client.
        Delivery::Initial(view) => {
            frames(|frames| D::greet(view.dated(), &(), now(), |text| frames.push_text(text.json)))
        }
        Delivery::Resync { old, new } => new.frames.get::<D, _>(RESYNC, old.board.position.tag.0, || {
            frames(|frames| D::resync(old.dated(), new.dated(), now(), |text| frames.push_text(text.json)))
        }),
        Delivery::Diff { old, new } => new.frames.get::<D, _>(DIFF, old.board.position.tag.0, || {
            frames(|frames| D::diff(old.dated(), new.dated(), now(), |text| frames.push_text(text.json)))
        }),
        Delivery::Redated(view) => view.frames.get::<D, _>(REDATED, 0, || {
            frames(|frames| D::resync(view.dated(), view.dated(), now(), |text| frames.push_text(text.json)))
        }),
        Delivery::Tick(view, beat) => view.frames.get::<D, _>(TICKS, beat.0, || {
            frames(|frames| {
                D::ticks(view.dated(), view.dated_beat(beat), |text| frames.push_text(text.json));
            })
        }),
    }
}

/// Returns the ticks of the latest beat; empty if there are none.
pub(crate) fn latest_ticks<D: TextDialect>(context: &mut TickContext) -> &[u8] {
    context.buffer::<D>(0, |buffer, view, beat| {
        let is_patchable = D::ticks(view.dated(), view.dated_beat(beat), |text| {
            frame::put_text(buffer.bytes_mut(), text.json);
            let begin = buffer.bytes_mut().len() - text.json.len();
            for end in text.counters {
                buffer.mark_counter(begin + end);
            }
        });
        if is_patchable {
            buffer.patchable();
        }
    })
}

fn frames(write: impl FnOnce(&mut FrameBuffer)) -> Rendered {
    let mut frames = FrameBuffer::default();
    write(&mut frames);
    Rendered { messages: frames.count(), frames: frames.finish() }
}
