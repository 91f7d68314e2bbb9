//! How far a member has come, and what it lacks.

use engine::{Progress, Sight};
use engineioxide::Str;
use timers::{Revision, Timestamp};
use wire::rooms::{Code, Fault};

use crate::rooms::errand::Ack;
use crate::rooms::fault::ended;
use crate::rooms::membership::Membership;
use crate::rooms::outbox::Outbox;
use crate::rooms::shown::{self, State};
use crate::socketio;

/// How far a member has come.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) progress: Progress,
    pub(super) outbox: Outbox,
    /// How many messages were put into it that are no ticks, and are not counted yet.
    pub(super) messages: u64,
    /// The last state of the countdown that it was told as news.
    pub(super) state: Option<State>,
}

impl Seen {
    pub(super) fn begin_anew(&mut self) {
        self.progress = Progress::default();
        self.state = None;
    }

    /// Puts into the outbox what a member lacks. Who has just come may wait for an answer.
    pub(super) fn catch_up(&mut self, here: &Membership, greets: Ack, now: impl Fn() -> Timestamp) {
        let Self { progress, outbox, state, messages } = self;
        let mut bytes = 0;
        let mut say = |outbox: &mut Outbox, packet: Str| {
            *messages += 1;
            bytes += packet.len();
            outbox.push(packet);
        };
        let caught = here.feed.catch_up(progress, |sight| match sight {
            Sight::First(view) => {
                let now = now();
                let Some(joined) = wire::rooms::joined(&view.board, &here.id, now) else {
                    let fault = Fault::new(Code::Unavailable, "the membership has ended already; try again");
                    return greets.into_iter().for_each(|ack| say(outbox, shown::refusal(ack, &fault)));
                };
                say(outbox, shown::packet(&joined));
                if let Some((packet, _)) = shown::state(view, now) {
                    say(outbox, packet);
                }
                if let Some(ack) = greets {
                    say(outbox, socketio::ack(ack, &joined.payload));
                }
            }
            Sight::Whole { old, new } | Sight::News { old, new } => {
                for told in shown::news(old, new, &now).iter().filter(|told| told.is_for(&here.id)) {
                    say(outbox, told.packet.clone());
                    if told.state.is_some() {
                        state.clone_from(&told.state);
                    }
                }
            }
            Sight::Beat(view, beat) => {
                if let Some(tick) = shown::tick(view, beat) {
                    outbox.push(tick);
                }
            }
        });
        caught.written(bytes);
    }

    /// Puts a message into the outbox.
    pub(super) fn say(&mut self, packet: Str) {
        self.messages += 1;
        self.outbox.push(packet);
    }

    /// Answers whoever has driven the countdown: with what all were told of it, or with its state now if there was
    /// nothing to tell.
    pub(super) fn answer(&mut self, here: &Membership, ack: Ack, made: Option<Revision>, now: impl Fn() -> Timestamp) {
        let told = self.state.as_ref().filter(|state| made.is_some_and(|made| made <= state.revision));
        let payload = match told {
            Some(state) => state.payload.clone(),
            None => {
                let Some((packet, state)) = shown::state(&here.feed.shown().view, now()) else {
                    return ack.into_iter().for_each(|ack| self.say(shown::refusal(ack, &ended())));
                };
                self.say(packet);
                state.payload
            }
        };
        if let Some(ack) = ack {
            self.say(socketio::ack(ack, &payload));
        }
    }
}
