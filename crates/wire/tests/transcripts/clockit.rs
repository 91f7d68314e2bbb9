//! Replays the transcripts in `fixtures/clockit/` and compares every message that a client receives.
//!
//! `= seed|v1` selects the dialect, `@ ms` sets the clock, `>` is a client's message, `~ n` is a beat, `?` is a new
//! subscription, `!` is a client that has missed changes, `<` is a message to the client.

use std::fmt::Write;

use timers::stopwatch::StopwatchLimits;
use timers::{
    Beat, Board, ClientId, Command, CommandId, Decision, Limits, Position, Scope, StoredRows, Tag, Timestamp, UserId,
    decide,
};
use wire::clockit::{Seed, V1};
use wire::{Done, Rejected, Request, TextDialect};

use super::replay::replay;

#[test]
fn every_clockit_transcript_is_reproduced_byte_for_byte() {
    replay("clockit", 6, Player::play);
}

/// A client, a board and a clock.
pub(super) struct Player {
    is_v1: bool,
    board: Board,
    now: Timestamp,
    out: String,
}

impl Player {
    pub(super) fn play(script: &str) -> String {
        let board = Board::empty(Scope::user(&UserId::new("ann").unwrap()));
        let mut player = Self { is_v1: false, board, now: Timestamp(0), out: String::new() };
        for line in script.lines().filter(|line| !line.starts_with('<')) {
            writeln!(player.out, "{line}").unwrap();
            if player.is_v1 { player.line::<V1>(line) } else { player.line::<Seed>(line) }
        }
        player.out
    }

    fn line<D: TextDialect>(&mut self, line: &str) {
        let rest = line.get(2..).unwrap_or_default();
        let (board, now) = (self.board.clone(), self.now);
        match line.chars().next() {
            Some('=') => self.is_v1 = rest == "v1",
            Some('@') => self.now = Timestamp(rest.parse().unwrap()),
            Some('>') => self.message::<D>(rest),
            Some('~') => {
                D::ticks(&board, Beat(rest.parse().unwrap()), |text| self.write(text.json));
            }
            Some('?') => D::greet(&board, &(), now, |text| self.write(text.json)),
            Some('!') => D::resync(&board, &board, now, |text| self.write(text.json)),
            Some('#') | None => {}
            Some(other) => panic!("no such line: {other}"),
        }
    }

    fn write(&mut self, text: &str) {
        serde_json::from_str::<serde_json::Value>(text).expect("every message is JSON");
        writeln!(self.out, "< {text}").unwrap();
    }

    fn message<D: TextDialect>(&mut self, text: &str) {
        let message = match D::parse(text) {
            Ok(message) => message,
            Err(Rejected { id, fault }) => return self.write(&D::error(id.as_ref(), &fault)),
        };
        let request = match message.request {
            Request::System(request) => request,
            // The dialect does not verify tokens.
            Request::Authenticate(_) => {
                return self.write(&D::authenticated(message.id.as_ref(), Some(self.now)));
            }
            Request::Time(ping) => return self.write(&ping.pong(self.now, self.now)),
        };
        let command: Command = request.clone().into();
        let id = CommandId::of(&client(), message.id.as_ref().map_or("", |id| id.as_json()), &command);
        let limits =
            Limits { stopwatch: StopwatchLimits { label_chars: 20, ..Default::default() }, ..Limits::default() };
        let before = self.board.clone();
        match decide(&before, &StoredRows::default(), &command, id, self.now, &limits) {
            Ok(Decision::Change(change)) => {
                let revision = before.position.revision.next();
                self.board = before.after(&change, Position { revision, tag: Tag(revision.0) });
                let (new, now) = (self.board.clone(), self.now);
                D::diff(&before, &new, now, |text| self.write(text.json));
            }
            Ok(Decision::Nothing) => {}
            Ok(Decision::Partial(_)) => panic!("transcripts are small"),
            Err(refusal) => return self.write(&D::error(message.id.as_ref(), &refusal.into())),
        }
        if let Some(client_id) = &message.id {
            let (scope, revision) = (self.board.scope.clone(), self.board.position.revision);
            self.write(&D::ack(client_id, Done { scope: &scope, request: &request, id, revision }));
        }
    }
}

fn client() -> ClientId {
    ClientId::new("client").unwrap()
}
