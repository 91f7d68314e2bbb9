//! Bodies and socket messages of Focus, and what the rules and the dialect make of them.

#![no_main]

use timers::focus::{
    EndedSession, FocusCommand, FocusId, FocusSession, NewSession, ReportedCounters, SessionChange, Spans, Tracker,
};
use timers::{
    Board, Command, CommandId, ConnectionId, Decision, Limits, NodeId, Position, RawJson, Revision, Row, Scope,
    StoredRows, Timestamp, UserId, decide,
};
use wire::focus::{
    FocusDocument, NewSessionRequest, SessionList, SocketRequest, ending_request, failed, parse, session_change,
    session_id, tick, with_score, with_session,
};
use wire::{Rejected, Request};

/// 2026-11-20 12:00:00 UTC.
const NOW: Timestamp = Timestamp(1_795_176_000_000);

/// How long a session is open, in seconds.
const OPEN_SECONDS: u64 = 600;

const END: Timestamp = Timestamp(NOW.0 + OPEN_SECONDS * 1000);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(id) = session_id(text) {
        assert_eq!(session_id(&id.to_string()), Ok(id));
    }
    let mut parameters = text.split('&').map(Some).chain([None; 3]);
    let mut parameter = || parameters.next().flatten();
    SessionList::read(parameter(), parameter(), parameter()).ok();
    let mut board = Board::empty(Scope::focus(&UserId::new("ann").expect("it is an id")));
    let id = FocusId::new(&board.scope, NOW, [0; 3]);
    let new = NewSessionRequest::read(text).or_else(|_| NewSessionRequest::read(r#"{"targetMinutes":25}"#));
    let NewSessionRequest { content_id, subject, target_minutes } = new.expect("the second one can be read");
    execute(&mut board, FocusCommand::Create(NewSession { id, content_id, subject, target_minutes }), NOW);
    if board.get::<FocusSession>(&id).is_none() {
        // A text is longer than the limit.
        return;
    }
    is_json(&with_session(&open(&board, id)));
    message(&mut board, id, text);
    execute(&mut board, FocusCommand::Update(id, session_change(text).unwrap_or_else(|_| unchanged())), END);
    end(&mut board, id, text);
});

/// Carries out a message of the socket.
fn message(board: &mut Board, id: FocusId, text: &str) {
    let request = match parse(text) {
        Ok(message) => message.request,
        Err(Rejected { id, fault }) => return is_json(&failed(id.as_ref(), &fault)),
    };
    let tracker = Tracker {
        node: NodeId::new("one").expect("it is an id"),
        connection: ConnectionId::new("a").expect("it is an id"),
    };
    match request {
        Request::System(SocketRequest::Start(session)) => {
            execute(board, FocusCommand::Start(session, tracker.clone()), NOW);
            execute(board, FocusCommand::Start(id, tracker), NOW);
            let session = board.get::<FocusSession>(&id).expect("it is open");
            is_json(&tick(&session.tick_at(timers::Beat(END.0 / 1000)).expect("it is tracked")));
        }
        Request::System(SocketRequest::Stop(ending)) => {
            execute(board, FocusCommand::End(id, ending, ReportedCounters::default(), Spans::default()), END);
        }
        Request::System(SocketRequest::SwitchTab | SocketRequest::Activity) => {
            execute(board, FocusCommand::SwitchTab(id), END);
        }
        Request::Authenticate(_) | Request::Time(_) => {}
    }
}

/// Ends the session, whose counters are never more than the time allows.
fn end(board: &mut Board, id: FocusId, text: &str) {
    let Ok((ending, reported)) = ending_request(text) else { return };
    let rows = execute(board, FocusCommand::End(id, ending, reported, Spans::default()), END);
    for row in rows {
        let ended = EndedSession::decode(row.body.as_str()).expect("a row that was just written");
        let counters = ended.counters;
        assert!(
            counters.elapsed <= OPEN_SECONDS && counters.active + counters.idle <= counters.elapsed,
            "{counters:?}"
        );
        is_json(&with_score(&FocusDocument::ended(&ended, "ann")));
    }
}

fn unchanged() -> SessionChange {
    session_change("{}").expect("an empty change")
}

fn open(board: &Board, id: FocusId) -> FocusDocument<'_> {
    FocusDocument::open(board.get(&id).expect("it is open"), "ann", NOW)
}

/// Carries out a command, which the rules can refuse; returns the rows that it wrote.
fn execute(board: &mut Board, command: FocusCommand, now: Timestamp) -> Vec<Row> {
    let command = Command::from(command);
    let decision = decide(board, &StoredRows::default(), &command, CommandId(1), now, &Limits::default());
    let Ok(Decision::Change(change)) = decision else { return Vec::new() };
    *board = board.after(&change, Position { revision: Revision(board.position.revision.0 + 1), ..board.position });
    change.archive
}

fn is_json(text: &str) {
    RawJson::new(text).expect("the answer is JSON");
}
