//! Replays the transcripts in `fixtures/punch_clock/` and compares every answer and message that a person's pages receive.
//!
//! `@ ms` sets the clock, and what is due by then happens. `> method path body` is a request, `? ` is a new subscription,
//! `~ n` is a beat. `= status json` is the answer to a request, `< json` a message of the WebSocket.

use std::collections::BTreeMap;
use std::fmt::Write;

use timers::calendar::{LocalDate, Zone};
use timers::punch_clock::{DayLog, Profile, Punch, PunchClockCommand, PunchDay, Save, SavedLog, ThemeChoice};
use timers::{
    Beat, Board, Command, CommandId, Decision, HistoryId, Limits, Position, Row, Scope, StoredRows, Tag, Timestamp,
    UserId, decide,
};
use wire::Dialect;
use wire::punch_clock::{
    BadRequest, Document, Pagination, Person, PostedDay, PostedLog, PunchClock, document, ignored, log_list, log_saved,
    saved, zone_name,
};
use wire::zone;

use super::replay::replay;

#[test]
fn every_punch_clock_transcript_is_reproduced_byte_for_byte() {
    replay("punch_clock", 3, Player::play);
}

/// A person with archived days, and a clock.
pub(super) struct Player {
    board: Board,
    history: BTreeMap<HistoryId, Row>,
    limits: Limits,
    now: Timestamp,
    out: String,
}

impl Player {
    pub(super) fn play(script: &str) -> String {
        let board = Board::empty(Scope::work_day(&UserId::new("ann").unwrap()));
        let (history, limits) = (BTreeMap::new(), Limits::default());
        let mut player = Self { board, history, limits, now: Timestamp(0), out: String::new() };
        for line in script.lines().filter(|line| !line.starts_with(['<', '='])) {
            writeln!(player.out, "{line}").unwrap();
            let rest = line.get(2..).unwrap_or_default();
            match line.chars().next() {
                Some('@') => player.pass(Timestamp(rest.parse().unwrap())),
                Some('>') => player.request(rest),
                Some('?') => {
                    let (board, now) = (player.board.clone(), player.now);
                    PunchClock::greet(&board, &(), now, |message| player.write(message.json));
                }
                Some('~') => {
                    let board = player.board.clone();
                    PunchClock::ticks(&board, Beat(rest.parse().unwrap()), |tick| player.write(tick.json));
                }
                Some('#') | None => {}
                Some(other) => panic!("no such line: {other}"),
            }
        }
        player.out
    }

    fn write(&mut self, json: &str) {
        serde_json::from_str::<serde_json::Value>(json).expect("every message is JSON");
        writeln!(self.out, "< {json}").unwrap();
    }

    fn pass(&mut self, now: Timestamp) {
        while let Some(due) = self.board.deadline(&self.limits).filter(|due| *due <= now) {
            self.now = self.now.max(due);
            self.execute(&Command::Settle);
        }
        self.now = now;
    }

    fn request(&mut self, line: &str) {
        let mut words = line.splitn(3, ' ');
        let (method, path, body) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or_default());
        let answer = match (method, path) {
            ("GET", "/api/session") => Ok(document(&self.document())),
            ("POST", "/api/session") => self.save(body),
            ("DELETE", "/api/session") => Ok(self.reset()),
            ("PUT", "/api/session/zone") => self.set_zone(body),
            ("GET", "/api/daily-logs") => Ok(self.logs()),
            ("POST", "/api/daily-logs") => self.save_log(body),
            _ => panic!("no such route: {line}"),
        };
        let (status, json) = match answer {
            Ok(json) => (200, json),
            Err(BadRequest(reason)) => (400, serde_json::json!({ "error": reason }).to_string()),
        };
        serde_json::from_str::<serde_json::Value>(&json).expect("every answer is JSON");
        writeln!(self.out, "= {status} {json}").unwrap();
    }

    fn day(&self) -> Option<&PunchDay> {
        self.board.get(&())
    }

    fn zone(&self, from: Timestamp) -> Zone {
        let name = self.day().map_or("UTC", |day| day.zone.name());
        zone(name, from.min(self.now), self.now).unwrap()
    }

    fn document(&self) -> Document<'_> {
        let person = Person { id: "ann", profile: Profile::default(), active_at: None };
        Document::of(self.day(), person, self.now)
    }

    fn post(&mut self, punches: Vec<Punch>, theme: Option<ThemeChoice>, log: Option<SavedLog>) {
        let earliest = punches.iter().map(|punch| punch.at).min().unwrap_or(self.now).min(self.now);
        let zone = self.zone(earliest);
        let date = zone.date_at(self.now);
        let from = zone.date_at(earliest).min(log.as_ref().map_or(date, |log| log.date));
        let save = Save { zone, from, date, punches, theme, log, profile: Profile::default() };
        self.execute(&PunchClockCommand::Save(save).into());
    }

    fn save(&mut self, body: &str) -> Result<String, BadRequest> {
        let posted = PostedDay::read(body)?;
        self.post(posted.punches.clone(), posted.theme.clone(), None);
        let document = self.document();
        let ignored = ignored(&document, &posted, &self.limits.punch_clock);
        Ok(saved(&document, &posted, &ignored))
    }

    fn reset(&mut self) -> String {
        let zone = self.zone(self.now);
        self.execute(&PunchClockCommand::Reset(zone).into());
        r#"{"success":true,"message":"Session reset successfully"}"#.to_owned()
    }

    fn set_zone(&mut self, body: &str) -> Result<String, BadRequest> {
        let name = zone_name(body)?;
        let unknown = || BadRequest(format!("there is no time zone {name:?}"));
        let target = zone(&name, self.now, self.now).ok_or_else(unknown)?;
        let dates: [LocalDate; 2] = [self.zone(self.now), target.clone()].map(|zone| zone.date_at(self.now));
        let from = dates[0].min(dates[1]).previous().previous();
        let answer = format!(r#"{{"success":true,"zone":"{}"}}"#, target.name());
        self.execute(&PunchClockCommand::SetZone(target, from, dates[1]).into());
        Ok(answer)
    }

    fn archived(&self, id: &HistoryId) -> Option<DayLog> {
        self.history.get(id).map(|row| DayLog::decode(row.body.as_str()).unwrap())
    }

    fn logs(&self) -> String {
        let mut logs: Vec<DayLog> = self.history.keys().filter_map(|id| self.archived(id)).collect();
        logs.retain(DayLog::is_listed);
        logs.sort_by_key(|log| std::cmp::Reverse(log.date));
        log_list(&logs, "ann", Pagination::of(1, 30, logs.len() as u64))
    }

    fn save_log(&mut self, body: &str) -> Result<String, BadRequest> {
        let posted = PostedLog::read(body)?;
        let id = posted.date.row_id();
        let is_new = self.archived(&id).is_none();
        self.post(posted.punches, None, Some(SavedLog { date: posted.date, theme: posted.theme }));
        if let Some(today) = self.day().filter(|day| day.date == posted.date) {
            return Ok(log_saved(&today.to_log(self.now), "ann", is_new, Some(self.now)));
        }
        let log = self.archived(&id).unwrap_or_else(|| DayLog::empty(posted.date, &self.zone(self.now), self.now));
        Ok(log_saved(&log, "ann", is_new, None))
    }

    fn execute(&mut self, command: &Command) {
        let rows = command.required_rows().bodies.into_iter();
        let rows = rows.filter_map(|id| Some((id.clone(), self.history.get(&id)?.clone()))).collect();
        let stored = StoredRows { rows, ..StoredRows::default() };
        match decide(&self.board, &stored, command, CommandId(1), self.now, &self.limits).unwrap() {
            Decision::Change(change) => {
                let before = self.board.clone();
                let revision = before.position.revision.next();
                self.board = before.after(&change, Position { revision, tag: Tag(revision.0) });
                self.history.extend(change.archive.into_iter().map(|row| (row.id.clone(), row)));
                change.archive_removed.iter().for_each(|id| drop(self.history.remove(id)));
                let (board, now) = (self.board.clone(), self.now);
                PunchClock::diff(&before, &board, now, |message| self.write(message.json));
            }
            Decision::Nothing => {}
            Decision::Partial(_) => panic!("a person has few days here"),
        }
    }
}
