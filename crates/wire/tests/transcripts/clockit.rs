//! Replays the transcripts in `fixtures/clockit/` and compares every line that a client would get.
//!
//! `= seed|v1` picks the dialect, `@ ms` moves the clock, `>` is a client's message, `~ n` is a beat,
//! `!` is what a client that missed changes is sent, `<` is what comes.

use std::fmt::Write;

use timers::{
    Beat, Board, Command, CommandId, Decision, Known, Limits, Position, Scope, Tag, Timestamp, UserId, decide,
};
use wire::clockit::{Dialect, Said, ack, authenticated, catch_up, error, news, parse, ready, ticks};

use super::replay::replay;

#[test]
fn every_transcript_of_clockit_is_replayed_to_the_letter() {
    replay("clockit", 4, Player::play);
}

/// A client, a board and a clock.
struct Player {
    dialect: Dialect,
    board: Board,
    now: Timestamp,
    out: String,
}

impl Player {
    fn play(script: &str) -> String {
        let board = Board::empty(Scope::User(UserId::new("ann").unwrap()));
        let mut player = Self { dialect: Dialect::Seed, board, now: Timestamp(0), out: String::new() };
        for line in script.lines().filter(|line| !line.starts_with('<')) {
            writeln!(player.out, "{line}").unwrap();
            let rest = line.get(2..).unwrap_or_default();
            match line.chars().next() {
                Some('=') => player.dialect = rest.parse().unwrap(),
                Some('@') => player.now = Timestamp(rest.parse().unwrap()),
                Some('>') => player.message(rest),
                Some('~') => player.beat(Beat(rest.parse().unwrap())),
                Some('?') => {
                    let text = ready(&player.board, player.now);
                    player.says(&text);
                }
                Some('!') => {
                    let (board, now) = (player.board.clone(), player.now);
                    catch_up(player.dialect, &board, &board, now, |text| player.says(text));
                }
                Some('#') | None => {}
                Some(other) => panic!("no such line: {other}"),
            }
        }
        player.out
    }

    fn says(&mut self, text: &str) {
        serde_json::from_str::<serde_json::Value>(text).expect("every message is JSON");
        writeln!(self.out, "< {text}").unwrap();
    }

    fn beat(&mut self, beat: Beat) {
        let board = self.board.clone();
        ticks(self.dialect, &board, beat, |text, _| self.says(text));
    }

    fn message(&mut self, text: &str) {
        let message = match parse(text) {
            Ok(Said::Message(message)) => message,
            // Whether it is believed is not for the dialect to say.
            Ok(Said::Auth(auth)) => return self.says(&authenticated(auth.id.as_ref(), Some(self.now))),
            Ok(Said::TimePing(ping)) => return self.says(&ping.pong(self.now, self.now)),
            Err((id, fault)) => return self.says(&error(id.as_ref(), &fault)),
        };
        let command = Command::Stopwatch(message.command);
        let id = CommandId::of(message.id.as_ref().map_or("", |id| id.as_json()), &command);
        let limits = Limits { label_chars: 20, ..Limits::default() };
        let before = self.board.clone();
        match decide(&before, &Known::default(), &command, id, self.now, &limits) {
            Ok(Decision::Change(change)) => {
                let revision = before.position.revision.next();
                self.board = before.after(&change, Position { revision, tag: Tag(revision.0) });
                let (new, now) = (self.board.clone(), self.now);
                news(self.dialect, &before, &new, now, |text| self.says(text));
            }
            Ok(Decision::Nothing) => {}
            Err(refusal) => return self.says(&error(message.id.as_ref(), &refusal.into())),
        }
        if let Some(client_id) = &message.id {
            let revision = self.board.position.revision;
            let Command::Stopwatch(asked) = &command else { unreachable!() };
            let session = asked.session(&self.board.scope, id, revision);
            self.says(&ack(client_id, revision, session.as_ref()));
        }
    }
}
