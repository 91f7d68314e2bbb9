//! Replays the transcripts in `fixtures/rooms/` and compares every event that a client would get.
//!
//! `@ ms` moves the clock, `> who event payload` is what a client sends, `~ n` is a beat, `!` carries out what is
//! due, `x who` loses a connection. `< who event payload` is what one client gets, `< * …` all, `< -who …` all
//! others, `= who payload` an acknowledgement.

use std::fmt::Write;

use timers::room::{Command as Do, Joining};
use timers::{
    Beat, Board, Command, CommandId, Decision, Known, Limits, LinkId, MemberId, NodeId, Position, Refusal,
    ResumeSecret, RoomId, Scope, Tag, Timestamp, decide,
};
use wire::rooms::{Ask, Event, Fault, authenticated, error, joined, left, news, parse, state, tick};

use super::replay::replay;

#[test]
fn every_transcript_of_rooms_is_replayed_to_the_letter() {
    replay("rooms", 3, Player::play);
}

/// A room and a clock.
struct Player {
    board: Board,
    now: Timestamp,
    out: String,
}

impl Player {
    fn play(script: &str) -> String {
        let board = Board::empty(Scope::Room(RoomId::new("r").unwrap()));
        let mut player = Self { board, now: Timestamp(0), out: String::new() };
        for line in script.lines().filter(|line| !line.starts_with(['<', '='])) {
            writeln!(player.out, "{line}").unwrap();
            let rest = line.get(2..).unwrap_or_default();
            match line.chars().next() {
                Some('@') => player.now = Timestamp(rest.parse().unwrap()),
                Some('>') => player.event(rest),
                Some('x') => player.quietly(&Command::Room(Do::Lose(link(rest)))),
                Some('!') => player.quietly(&Command::Settle),
                Some('~') => {
                    if let Some(event) = tick(&player.board, Beat(rest.parse().unwrap())) {
                        player.says("*", &event);
                    }
                }
                Some('#') | None => {}
                Some(other) => panic!("no such line: {other}"),
            }
        }
        player.out
    }

    fn says(&mut self, whom: &str, event: &Event) {
        serde_json::from_str::<serde_json::Value>(&event.payload).expect("every payload is JSON");
        writeln!(self.out, "< {whom} {} {}", event.name, event.payload).unwrap();
    }

    fn answers(&mut self, who: &str, payload: &str) {
        writeln!(self.out, "= {who} {payload}").unwrap();
    }

    fn refuses(&mut self, who: &str, fault: &Fault) {
        let event = error(fault);
        self.says(who, &event);
        self.answers(who, &format!(r#"{{"error":{}}}"#, event.payload));
    }

    fn event(&mut self, line: &str) {
        let mut words = line.splitn(3, ' ');
        let (who, event, payload) = (words.next().unwrap(), words.next().unwrap(), words.next());
        let ask = match parse(event, payload).expect("an event that there is") {
            Ok(said) => said.ask,
            Err(fault) => return self.refuses(who, &fault),
        };
        if let Ask::Auth(_) = ask {
            // Whether it is believed is not for the dialect to say.
            let event = authenticated(Some(self.now));
            self.says(who, &event);
            return self.answers(who, &event.payload);
        }
        let joins = matches!(ask, Ask::Create { .. } | Ask::Join { .. });
        let leaves = matches!(ask, Ask::Leave);
        let before = self.board.clone();
        if let Err(refusal) = self.obeys(&Command::Room(self.command(who, ask))) {
            let Refusal::Room(no) = refusal else { panic!("{refusal}") };
            return self.refuses(who, &no.into());
        }
        if leaves {
            self.shows(&before);
            return self.answers(who, &left(&RoomId::new("r").unwrap()));
        }
        let (own, answer) = (self.member(who), state(&self.board, self.now).unwrap());
        if joins {
            let event = joined(&self.board, &own, self.now).unwrap();
            self.says(who, &event);
            self.says(who, &answer);
            self.shows(&before);
            return self.answers(who, &event.payload);
        }
        if self.board == before {
            self.says(who, &answer);
        }
        self.shows(&before);
        self.answers(who, &answer.payload);
    }

    /// What a request comes to; who asks has a connection of the same name, and so has a new membership.
    fn command(&self, who: &str, ask: Ask) -> Do {
        let joining = |name, resume| Joining {
            member: MemberId::new(who).unwrap(),
            secret: ResumeSecret::new(&format!("secret-{who}")).unwrap(),
            resume,
            name,
            link: link(who),
            node: NodeId::new("n").unwrap(),
        };
        match ask {
            Ask::Create { duration, name } => Do::Create(duration, joining(name, None)),
            Ask::Join { name, resume, .. } => Do::Join(joining(name, resume)),
            Ask::Leave => Do::Leave(link(who)),
            Ask::Auth(_) => unreachable!("it is no command"),
            Ask::Start { duration, .. } => Do::Start(duration),
            Ask::Pause(_) => Do::Pause,
            Ask::Resume(_) => Do::Resume,
            Ask::Reset(_) => Do::Reset,
            Ask::Adjust { by, .. } => Do::Adjust(by),
        }
    }

    /// The member that somebody's connection belongs to, if it does.
    fn member(&self, who: &str) -> MemberId {
        let member = self.board.members().find(|member| member.link == link(who));
        member.map_or_else(|| MemberId::new(who).unwrap(), |member| member.id.clone())
    }

    fn quietly(&mut self, command: &Command) {
        let before = self.board.clone();
        self.obeys(command).unwrap();
        self.shows(&before);
    }

    fn shows(&mut self, before: &Board) {
        let (new, now) = (self.board.clone(), self.now);
        news(before, &new, now, |event| {
            let whom = event.about.as_ref().map_or("*".to_owned(), |about| format!("-{about}"));
            self.says(&whom, &event);
        });
    }

    fn obeys(&mut self, command: &Command) -> Result<(), Refusal> {
        let limits = Limits::default();
        if let Decision::Change(change) =
            decide(&self.board, &Known::default(), command, CommandId(1), self.now, &limits)?
        {
            let revision = self.board.position.revision.next();
            self.board = self.board.after(&change, Position { revision, tag: Tag(revision.0) });
        }
        Ok(())
    }
}

fn link(who: &str) -> LinkId {
    LinkId::new(who).unwrap()
}
