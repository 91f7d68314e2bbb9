//! Replays the transcripts in `fixtures/clockit/` and compares every line that a client would get.
//!
//! `= seed|v1` picks the dialect, `@ ms` moves the clock, `>` is a client's message, `~ n` is a beat,
//! `!` is what a client that missed changes is sent, `<` is what comes. With `UPDATE_FIXTURES=1` the `<` lines are written anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write;
use std::path::Path;

use timers::{
    Beat, Board, Command, CommandId, Decision, Known, Limits, Position, Scope, Tag, Timestamp, UserId, decide,
};
use wire::clockit::{Dialect, Said, ack, catch_up, error, news, parse, ready, ticks};

#[test]
fn every_transcript_is_replayed_to_the_letter() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/clockit");
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= 4, "the transcripts are missing");
    for path in names {
        let wanted = std::fs::read_to_string(&path).unwrap();
        let played = Player::play(&wanted);
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::write(&path, &played).unwrap();
            continue;
        }
        assert_eq!(played, wanted, "{}", path.display());
    }
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
