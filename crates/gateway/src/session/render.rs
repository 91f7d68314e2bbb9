//! From deliveries to WebSocket frames. What all clients of a board are shown is rendered once for each view and dialect.

use std::marker::PhantomData;

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

/// What one client is shown of its board.
///
/// It can have a state of its own: what the client has selected, and what it was told of that. The client's task and the
/// task that fans beats out use it by turns, under the lock of what the client has been sent, so neither method may wait.
pub(crate) trait ClientView: Send + 'static {
    /// The dialect, for metrics and traces.
    const DIALECT: &'static str;

    /// Returns the frames of one delivery; no frames if the client is shown nothing of it.
    fn render(&mut self, delivery: &Delivery<'_>, now: impl Fn() -> Timestamp) -> Rendered;

    /// Returns the ticks of the latest beat; empty if the client is shown none.
    fn latest_ticks<'t>(&'t mut self, context: &'t mut TickContext) -> &'t [u8];
}

/// The view of a client that is shown the whole board, as all clients of a dialect.
pub(crate) struct WholeBoard<D>(PhantomData<fn() -> D>);

/// Frames, ready to be written.
#[derive(Clone, Default)]
pub(crate) struct Rendered {
    pub(crate) frames: Bytes,
    /// The number of messages.
    pub(crate) messages: u64,
}

impl<D> Default for WholeBoard<D> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<D: TextDialect> ClientView for WholeBoard<D> {
    const DIALECT: &'static str = D::NAME;

    fn render(&mut self, delivery: &Delivery<'_>, now: impl Fn() -> Timestamp) -> Rendered {
        render::<D>(delivery, now)
    }

    fn latest_ticks<'t>(&'t mut self, context: &'t mut TickContext) -> &'t [u8] {
        latest_ticks::<D>(context)
    }
}

/// Returns the frames of one delivery; no frames if the dialect has nothing to send.
fn render<D: TextDialect>(delivery: &Delivery<'_>, now: impl Fn() -> Timestamp) -> Rendered {
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
fn latest_ticks<D: TextDialect>(context: &mut TickContext) -> &[u8] {
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

/// Returns the frames that `write` puts into a buffer.
pub(crate) fn frames(write: impl FnOnce(&mut FrameBuffer)) -> Rendered {
    let mut frames = FrameBuffer::default();
    write(&mut frames);
    Rendered { messages: frames.count(), frames: frames.finish() }
}
