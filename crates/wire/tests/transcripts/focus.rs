//! Replays the transcripts in `fixtures/focus/` and compares every answer and message that a person's pages receive.
//!
//! `@ ms` sets the clock, and what is due by then happens. `> method path body` is a request, and `= status json` its answer;
//! the body of a request for statistics is the zone. `+ a` opens the socket `a`, `- a` drops it, `> a json` is a message of
//! it and `< a json` one to it. `~ n` is a beat.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;

use timers::calendar::Zone;
use timers::focus::{
    EndedSession, FocusCommand, FocusId, FocusRefusal, FocusSession, FocusStats, NewSession, ReportedCounters, Span,
    Spans, Tracker,
};
use timers::{
    Beat, Board, Change, Command, CommandId, ConnectionId, Decision, HistoryId, Limits, Millis, NodeId, Position,
    Refusal, Row, Scope, StoredRows, Tag, Timestamp, UserId, decide,
};
use wire::focus::{
    BadFocusRequest, FocusDocument, INVALID_SESSION, NewSessionRequest, SessionList, SocketRequest, StatusFilter,
    connected, ending_request, failed, list_end, list_start, parse, session_change, session_id, started, stats,
    stopped, tab_switch_counted, tick, with_score, with_session,
};
use wire::{ClientMessage, Code, Fault, MessageId, Rejected, Request, zone};

use super::replay::replay;

const USER: &str = "ann";

#[test]
fn every_focus_transcript_is_reproduced_byte_for_byte() {
    replay("focus", 3, Player::play);
}

/// A person with ended sessions, sockets and a clock.
pub(super) struct Player {
    board: Board,
    history: BTreeMap<HistoryId, Row>,
    limits: Limits,
    now: Timestamp,
    /// The sockets and what they track.
    sockets: BTreeMap<String, Option<FocusId>>,
    created: u8,
    out: String,
}

/// The answer to a request: the status and the body, or the fault.
type Answer = Result<(u16, String), (u16, String)>;

fn bad(BadFocusRequest(message): BadFocusRequest) -> (u16, String) {
    (400, message)
}

fn fault(refusal: Refusal) -> Fault {
    let Refusal::Focus(refusal) = refusal else { panic!("{refusal}") };
    refusal.into()
}

fn refused(refusal: Refusal) -> (u16, String) {
    let fault = fault(refusal);
    (if fault.code == Code::NotFound { 404 } else { 400 }, fault.message)
}

impl Player {
    pub(super) fn play(script: &str) -> String {
        let board = Board::empty(Scope::focus(&UserId::new(USER).unwrap()));
        let (history, limits, sockets) = (BTreeMap::new(), Limits::default(), BTreeMap::new());
        let mut player = Self { board, history, limits, now: Timestamp(0), sockets, created: 0, out: String::new() };
        for line in script.lines().filter(|line| !line.starts_with(['<', '='])) {
            writeln!(player.out, "{line}").unwrap();
            let rest = line.get(2..).unwrap_or_default();
            match line.chars().next() {
                Some('@') => player.pass(Timestamp(rest.parse().unwrap())),
                Some('>') => player.receive(rest),
                Some('+') => player.connect(rest),
                Some('-') => player.disconnect(rest),
                Some('~') => player.beat(Beat(rest.parse().unwrap())),
                Some('#') | None => {}
                Some(other) => panic!("no such line: {other}"),
            }
        }
        player.out
    }

    fn write(&mut self, socket: &str, json: &str) {
        serde_json::from_str::<serde_json::Value>(json).expect("every message is JSON");
        writeln!(self.out, "< {socket} {json}").unwrap();
    }

    fn pass(&mut self, now: Timestamp) {
        while let Some(due) = self.board.deadline(&self.limits).filter(|due| *due <= now) {
            self.now = self.now.max(due);
            self.execute(&Command::Settle).unwrap();
        }
        self.now = now;
    }

    fn beat(&mut self, beat: Beat) {
        let tick_of = |id: &FocusId| self.board.get::<FocusSession>(id)?.tick_at(beat);
        let tracked = self.sockets.iter().filter_map(|(name, id)| Some((name.clone(), tick_of(id.as_ref()?)?)));
        for (name, shown) in tracked.collect::<Vec<_>>() {
            self.write(&name, &tick(&shown));
        }
    }

    fn receive(&mut self, line: &str) {
        let (first, rest) = line.split_once(' ').unwrap();
        if self.sockets.contains_key(first) {
            return self.message(first, rest);
        }
        let (path, body) = rest.split_once(' ').unwrap_or((rest, ""));
        let (status, json) = match self.request(first, path, body) {
            Ok(answer) => answer,
            Err((status, message)) => (status, serde_json::json!({ "message": message }).to_string()),
        };
        serde_json::from_str::<serde_json::Value>(&json).expect("every answer is JSON");
        writeln!(self.out, "= {status} {json}").unwrap();
    }

    fn request(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<&str> = path.trim_start_matches("/api/").split('/').collect();
        match (method, parts.as_slice()) {
            ("POST", ["sessions"]) => self.create(body),
            ("GET", ["sessions"]) => self.list(query),
            ("GET", ["sessions", id]) => self.shown(session_id(id).map_err(bad)?, with_session),
            ("PUT", ["sessions", id]) => {
                let (id, change) = (session_id(id).map_err(bad)?, session_change(body).map_err(bad)?);
                self.execute(&FocusCommand::Update(id, change).into()).map_err(refused)?;
                self.shown(id, with_session)
            }
            ("PUT", ["sessions", id, "end"]) => {
                let (id, (ending, reported)) = (session_id(id).map_err(bad)?, ending_request(body).map_err(bad)?);
                self.execute(&FocusCommand::End(id, ending, reported, Spans::default()).into()).map_err(refused)?;
                self.shown(id, with_score)
            }
            ("DELETE", ["sessions", id]) => {
                let command = FocusCommand::Delete(session_id(id).map_err(bad)?).into();
                self.execute(&command).map_err(refused)?;
                Ok((200, r#"{"success":true,"message":"Session deleted"}"#.to_owned()))
            }
            ("GET", ["users", "me", "stats"]) => {
                let from = self.now - Millis(86_400_000 * 366);
                let zone = zone(body, from, self.now).unwrap_or_else(Zone::utc);
                let none = FocusStats::default();
                Ok((200, stats(self.board.get(&()).unwrap_or(&none), &zone, self.now)))
            }
            _ => panic!("no such route: {method} {path}"),
        }
    }

    fn create(&mut self, body: &str) -> Answer {
        let NewSessionRequest { content_id, subject, target_minutes } = NewSessionRequest::read(body).map_err(bad)?;
        self.created += 1;
        let id = FocusId::new(&self.board.scope, self.now, [0, 0, self.created]);
        let new = NewSession { id, content_id, subject, target_minutes };
        self.execute(&FocusCommand::Create(new).into()).map_err(refused)?;
        self.shown(id, with_session).map(|(_, json)| (201, json))
    }

    fn shown(&self, id: FocusId, render: fn(&FocusDocument<'_>) -> String) -> Answer {
        if let Some(session) = self.board.get::<FocusSession>(&id) {
            return Ok((200, render(&FocusDocument::open(session, USER, self.now))));
        }
        let row = self.history.get(&id.row_id()).ok_or_else(|| refused(Refusal::Focus(FocusRefusal::Unknown)))?;
        Ok((200, render(&FocusDocument::ended(&EndedSession::decode(row.body.as_str()).unwrap(), USER))))
    }

    fn list(&self, query: &str) -> Answer {
        let pairs: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let [status, limit, before] = ["status", "limit", "before"].map(|name| pairs.get(name).copied());
        let list = SessionList::read(status, limit, before).map_err(bad)?;
        let ended: Vec<EndedSession> =
            self.history.values().map(|row| EndedSession::decode(row.body.as_str()).unwrap()).collect();
        let open = self.board.all::<FocusSession>().map(|session| {
            (
                session.created_at,
                session.id,
                StatusFilter::Open(session.status),
                FocusDocument::open(session, USER, self.now),
            )
        });
        let mut all: Vec<_> = ended
            .iter()
            .map(|session| {
                let status = StatusFilter::Ended(session.ending);
                (session.created_at, session.id, status, FocusDocument::ended(session, USER))
            })
            .chain(open)
            .collect();
        all.sort_by_key(|(at, id, ..)| Reverse((*at, *id)));
        let older = |id: FocusId| all.iter().position(|(_, listed, ..)| *listed == id).map(|place| place + 1);
        let first = list.before.map_or(Some(0), older).expect("a session of the list");
        let listed =
            all.iter().skip(first).filter(|(_, _, status, _)| list.status.is_none_or(|wanted| wanted == *status));
        let listed = listed.map(|(.., document)| document.to_json()).take(list.limit.unwrap_or(usize::MAX));
        let listed: Vec<String> = listed.collect();
        Ok((200, format!("{}{}{}", list_start(), listed.join(","), list_end(listed.len()))))
    }

    fn connect(&mut self, name: &str) {
        self.sockets.insert(name.to_owned(), None);
        self.write(name, &connected(&ConnectionId::new(name).unwrap()));
    }

    fn tracker(name: &str) -> Tracker {
        Tracker { node: NodeId::new("one").unwrap(), connection: ConnectionId::new(name).unwrap() }
    }

    fn disconnect(&mut self, name: &str) {
        if let Some(Some(id)) = self.sockets.remove(name) {
            let command = FocusCommand::Disconnect(id, Self::tracker(name), None, Spans::default());
            self.execute(&command.into()).unwrap();
        }
    }

    fn message(&mut self, name: &str, text: &str) {
        let answer = match parse(text) {
            Ok(ClientMessage { id, request: Request::System(request), .. }) => self.track(name, id, request),
            Ok(message) => panic!("no message of the system: {message:?}"),
            Err(Rejected { id, fault }) => Some(failed(id.as_ref(), &fault)),
        };
        if let Some(answer) = answer {
            self.write(name, &answer);
        }
    }

    fn track(&mut self, name: &str, id: Option<MessageId>, request: SocketRequest) -> Option<String> {
        let tracked = self.sockets[name];
        let invalid = || Some(failed(id.as_ref(), &Fault::of_client(Code::NotFound, INVALID_SESSION)));
        let done = match (request, tracked) {
            (SocketRequest::Start(session), _) => {
                let done = self.execute(&FocusCommand::Start(session, Self::tracker(name)).into());
                match done {
                    Ok(()) => self.sockets.insert(name.to_owned(), Some(session)),
                    Err(Refusal::Focus(FocusRefusal::Unknown | FocusRefusal::Ended)) => return invalid(),
                    Err(refusal) => return Some(failed(id.as_ref(), &fault(refusal))),
                };
                return Some(started(id.as_ref(), session));
            }
            (SocketRequest::Activity, None) => return None,
            (SocketRequest::SwitchTab | SocketRequest::Stop(_), None) => return invalid(),
            (SocketRequest::Activity, Some(session)) => {
                let spans = Spans::try_from(vec![Span::at(self.now)]).unwrap();
                self.execute(&FocusCommand::Report(session, spans).into()).map(|()| None)
            }
            (SocketRequest::SwitchTab, Some(session)) => {
                let done = self.execute(&FocusCommand::SwitchTab(session).into());
                done.map(|()| Some(tab_switch_counted(id.as_ref())))
            }
            (SocketRequest::Stop(ending), Some(session)) => {
                let command = FocusCommand::End(session, ending, ReportedCounters::default(), Spans::default());
                // The end itself is told with the change of the board.
                self.execute(&command.into()).map(|()| None)
            }
        };
        done.unwrap_or_else(|refusal| Some(failed(id.as_ref(), &fault(refusal))))
    }

    fn execute(&mut self, command: &Command) -> Result<(), Refusal> {
        let required = command.required_rows();
        let found = |id: &HistoryId| Some((id.clone(), self.history.get(id)?.clone()));
        let existing = required.existing.iter().filter(|id| self.history.contains_key(*id)).cloned().collect();
        let stored = StoredRows { rows: required.bodies.iter().filter_map(found).collect(), existing };
        match decide(&self.board, &stored, command, CommandId(1), self.now, &self.limits)? {
            Decision::Change(change) => self.commit(change),
            Decision::Nothing => {}
            Decision::Partial(_) => panic!("a person has few sessions here"),
        }
        Ok(())
    }

    fn commit(&mut self, change: Change) {
        let revision = self.board.position.revision.next();
        self.board = self.board.after(&change, Position { revision, tag: Tag(revision.0) });
        self.history.extend(change.archive.into_iter().map(|row| (row.id.clone(), row)));
        change.archive_removed.iter().for_each(|id| drop(self.history.remove(id)));
        let is_gone = |id: &FocusId| self.board.get::<FocusSession>(id).is_none();
        let gone = self.sockets.iter().filter_map(|(name, id)| Some((name.clone(), id.filter(is_gone)?)));
        for (name, id) in gone.collect::<Vec<_>>() {
            let score = self.board.get::<FocusStats>(&()).and_then(|stats| stats.score_of(id)).unwrap_or(0);
            self.sockets.insert(name.clone(), None);
            self.write(&name, &stopped(id, score));
        }
    }
}
