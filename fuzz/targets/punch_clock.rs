//! Bodies that pages of the Punch clock post, and what the rules and the dialect make of them.

#![no_main]

use timers::calendar::Zone;
use timers::punch_clock::{PunchClockCommand, Save};
use timers::{Board, CommandId, Decision, Limits, Position, Revision, Scope, StoredRows, Timestamp, UserId, decide};
use wire::punch_clock::{Document, Person, PostedDay, PostedLog, ignored, saved, zone_name};

/// 2026-11-20 12:00:00 UTC.
const NOW: Timestamp = Timestamp(1_795_176_000_000);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = std::str::from_utf8(bytes) else { return };
    let _ = (PostedLog::read(body), zone_name(body));
    let Ok(posted) = PostedDay::read(body) else { return };
    let (limits, zone) = (Limits::default(), Zone::utc());
    let date = zone.date_at(NOW);
    let save = Save {
        from: date.days_before(limits.punch_clock.days_back + 1),
        zone,
        date,
        punches: posted.punches.clone(),
        theme: posted.theme.clone(),
        log: None,
        profile: Default::default(),
    };
    let mut board = Board::empty(Scope::work_day(&UserId::new("ann").expect("it is an id")));
    let command = PunchClockCommand::Save(save).into();
    let decision = decide(&board, &StoredRows::default(), &command, CommandId(1), NOW, &limits);
    if let Decision::Change(change) = decision.expect("a body that is read is saved") {
        board = board.after(&change, Position { revision: Revision(1), ..board.position });
    }
    let person = Person { id: "ann", profile: Default::default(), active_at: None };
    let document = Document::of(board.get(&()), person, NOW);
    let answer = saved(&document, &posted, &ignored(&document, &posted, &limits.punch_clock));
    timers::RawJson::new(&answer).expect("the answer is JSON");
});
