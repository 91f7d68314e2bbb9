//! Replays the transcripts in `fixtures/rooms/` and compares every event that a client receives.
//!
//! `@ ms` sets the clock, `> client event payload` is what a client sends, `~ n` is a beat, `!` settles what is due,
//! `x client` drops a connection. `< client event payload` is an event to one client, `< * …` to all, `< -client …` to all
//! others, `= client payload` an acknowledgement.

use std::fmt::Write;

use timers::room::{Joining, Member, RoomCommand};
use timers::{
    Beat, Board, Command, CommandId, ConnectionId, Decision, Limits, MemberId, NodeId, Position, Refusal, ResumeSecret,
    RoomId, Scope, StoredRows, Tag, Timestamp, decide,
};
use wire::rooms::{RoomRequest, Rooms, joined, left, state};
use wire::{Dialect, Event, Fault, Rejected, Request, token};

use super::replay::replay;

#[test]
fn every_rooms_transcript_is_reproduced_byte_for_byte() {
    replay("rooms", 3, Player::play);
}

/// A room and a clock.
pub(super) struct Player {
    board: Board,
    now: Timestamp,
    out: String,
}

impl Player {
    pub(super) fn play(script: &str) -> String {
        let board = Board::empty(Scope::room(&RoomId::new("r").unwrap()));
        let mut player = Self { board, now: Timestamp(0), out: String::new() };
        for line in script.lines().filter(|line| !line.starts_with(['<', '='])) {
            writeln!(player.out, "{line}").unwrap();
            let rest = line.get(2..).unwrap_or_default();
            match line.chars().next() {
                Some('@') => player.now = Timestamp(rest.parse().unwrap()),
                Some('>') => player.event(rest),
                Some('x') => player.settle(&RoomCommand::MarkDisconnected(connection(rest)).into()),
                Some('!') => player.settle(&Command::Settle),
                Some('~') => {
                    let board = player.board.clone();
                    Rooms::ticks(&board, Beat(rest.parse().unwrap()), |event| player.write("*", &event));
                }
                Some('#') | None => {}
                Some(other) => panic!("no such line: {other}"),
            }
        }
        player.out
    }

    fn write(&mut self, client: &str, event: &Event) {
        serde_json::from_str::<serde_json::Value>(&event.payload).expect("every payload is JSON");
        writeln!(self.out, "< {client} {} {}", event.name, event.payload).unwrap();
    }

    fn acknowledge(&mut self, client: &str, payload: &str) {
        writeln!(self.out, "= {client} {payload}").unwrap();
    }

    fn reject(&mut self, client: &str, fault: &Fault) {
        let event = Rooms::error(None, fault);
        self.write(client, &event);
        self.acknowledge(client, &format!(r#"{{"error":{}}}"#, event.payload));
    }

    fn event(&mut self, line: &str) {
        let mut words = line.splitn(3, ' ');
        let (client, event, payload) = (words.next().unwrap(), words.next().unwrap(), words.next());
        if event == "auth" {
            return self.authenticate(client, payload);
        }
        let request = match Rooms::parse((event, payload)).map(|message| message.request) {
            Ok(Request::System(request)) => request,
            Ok(Request::Time(_) | Request::Authenticate(_)) => panic!("{event} is a request about a room"),
            Err(Rejected { fault, .. }) => return self.reject(client, &fault),
        };
        let joins = matches!(request, RoomRequest::Create { .. } | RoomRequest::Join { .. });
        let leaves = matches!(request, RoomRequest::Leave);
        let before = self.board.clone();
        if let Err(refusal) = self.apply(&self.command(client, request).into()) {
            return self.reject(client, &refusal.into());
        }
        if leaves {
            self.write_diff(&before);
            return self.acknowledge(client, &left(&RoomId::new("r").unwrap()));
        }
        let (own, answer) = (self.member(client), state(&self.board, self.now).unwrap());
        if joins {
            let event = joined(&self.board, &own, self.now).unwrap();
            self.write(client, &event);
            self.write(client, &answer);
            self.write_diff(&before);
            return self.acknowledge(client, &event.payload);
        }
        if self.board == before {
            self.write(client, &answer);
        }
        self.write_diff(&before);
        self.acknowledge(client, &answer.payload);
    }

    /// Accepts any token that can be read: the dialect does not verify it.
    fn authenticate(&mut self, client: &str, payload: Option<&str>) {
        if let Err(fault) = token(payload) {
            return self.reject(client, &fault);
        }
        let event = Rooms::authenticated(None, Some(self.now));
        self.write(client, &event);
        self.acknowledge(client, &event.payload);
    }

    /// Makes the command of a request. A client has a connection of the same name, and so has a new membership.
    fn command(&self, client: &str, request: RoomRequest) -> RoomCommand {
        let joining = |name, resume| Joining {
            member: MemberId::new(client).unwrap(),
            secret: ResumeSecret::new(&format!("secret-{client}")).unwrap(),
            resume,
            name,
            connection: connection(client),
            node: NodeId::new("n").unwrap(),
        };
        match request {
            RoomRequest::Create { duration, name } => RoomCommand::Create(duration, joining(name, None)),
            RoomRequest::Join { name, resume, .. } => RoomCommand::Join(joining(name, resume)),
            RoomRequest::Leave => RoomCommand::Leave(connection(client)),
            RoomRequest::Start { duration, .. } => RoomCommand::Start(duration),
            RoomRequest::Pause(_) => RoomCommand::Pause,
            RoomRequest::Resume(_) => RoomCommand::Resume,
            RoomRequest::Reset(_) => RoomCommand::Reset,
            RoomRequest::Adjust { by, .. } => RoomCommand::Adjust(by),
        }
    }

    /// Returns the member of a client's connection.
    fn member(&self, client: &str) -> MemberId {
        let member = self.board.all::<Member>().find(|member| member.connection == connection(client));
        member.map_or_else(|| MemberId::new(client).unwrap(), |member| member.id.clone())
    }

    fn settle(&mut self, command: &Command) {
        let before = self.board.clone();
        self.apply(command).unwrap();
        self.write_diff(&before);
    }

    fn write_diff(&mut self, before: &Board) {
        let (new, now) = (self.board.clone(), self.now);
        Rooms::diff(before, &new, now, |event| {
            let audience = event.about.as_ref().map_or("*".to_owned(), |about| format!("-{about}"));
            self.write(&audience, &event);
        });
    }

    fn apply(&mut self, command: &Command) -> Result<(), Refusal> {
        let limits = Limits::default();
        if let Decision::Change(change) =
            decide(&self.board, &StoredRows::default(), command, CommandId(1), self.now, &limits)?
        {
            let revision = self.board.position.revision.next();
            self.board = self.board.after(&change, Position { revision, tag: Tag(revision.0) });
        }
        Ok(())
    }
}

fn connection(client: &str) -> ConnectionId {
    ConnectionId::new(client).unwrap()
}
