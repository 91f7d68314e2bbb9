//! A person with archived days, for whom a test posts punches.

use std::collections::BTreeMap;

use timers::calendar::{LocalDate, Zone};
use timers::punch_clock::{
    DayLog, Profile, Punch, PunchClockCommand, PunchClockRefusal, PunchDay, PunchId, PunchKind, Save, ThemeChoice,
};
use timers::{
    Board, ClusterTime, Command, CommandId, Decision, HistoryId, Limits, Millis, Position, Refusal, Row, Scope,
    StoredRows, Tag, Timestamp, UserId, decide,
};

/// Noon of 2026-11-20 UTC.
pub(crate) const NOON: Timestamp = Timestamp(1_795_176_000_000);

pub(crate) const MINUTE: u64 = 60_000;
pub(crate) const HOUR: u64 = 60 * MINUTE;

/// A person with archived days.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) board: Board,
    pub(crate) history: BTreeMap<HistoryId, Row>,
    pub(crate) limits: Limits,
    pub(crate) now: Timestamp,
    pub(crate) ahead: Millis,
    pub(crate) zone: Zone,
}

impl Person {
    pub(crate) fn new() -> Self {
        let board = Board::empty(Scope::work_day(&UserId::new("ann").unwrap()));
        let (history, limits) = (BTreeMap::new(), Limits::default());
        Self { board, history, limits, now: NOON, ahead: Millis(0), zone: Zone::utc() }
    }

    pub(crate) fn decide(&self, command: &Command) -> Result<Decision, PunchClockRefusal> {
        let required = command.required_rows();
        let rows = required.bodies.into_iter().filter_map(|id| Some((id.clone(), self.history.get(&id)?.clone())));
        let stored = StoredRows { rows: rows.collect(), ..StoredRows::default() };
        let time = ClusterTime { now: self.now + self.ahead, ahead: self.ahead };
        match decide(&self.board, &stored, command, CommandId(1), time, &self.limits) {
            Ok(decision) => Ok(decision),
            Err(Refusal::PunchClock(refusal)) => Err(refusal),
            Err(refusal) => panic!("{refusal}"),
        }
    }

    pub(crate) fn apply(&mut self, command: impl Into<Command>) -> Result<bool, PunchClockRefusal> {
        let Decision::Change(change) = self.decide(&command.into())? else { return Ok(false) };
        let revision = self.board.position.revision.next();
        self.board = self.board.after(&change, Position { revision, tag: Tag(revision.0) });
        for row in change.archive {
            self.history.insert(row.id.clone(), row);
        }
        for id in change.archive_removed {
            self.history.remove(&id);
        }
        Ok(true)
    }

    pub(crate) fn save(&self, punches: Vec<Punch>, theme: Option<ThemeChoice>) -> PunchClockCommand {
        let date = self.zone.date_at(self.now);
        let from = punches.iter().map(|punch| self.zone.date_at(punch.at)).min().unwrap_or(date).min(date);
        let zone = self.zone.clone();
        PunchClockCommand::Save(Save { zone, from, date, punches, theme, log: None, profile: Profile::default() })
    }

    /// Posts punches; tells whether they changed anything.
    pub(crate) fn post(&mut self, punches: &[Punch]) -> bool {
        let save = self.save(punches.to_vec(), None);
        self.apply(save).unwrap()
    }

    pub(crate) fn reset(&mut self) {
        let reset = PunchClockCommand::Reset(self.zone.clone());
        self.apply(reset).unwrap();
    }

    pub(crate) fn set_zone(&mut self, zone: &Zone) {
        let dates = [zone, &self.zone].map(|zone| zone.date_at(self.now));
        let from = dates[0].min(dates[1]).previous().previous();
        self.zone = zone.clone();
        self.apply(PunchClockCommand::SetZone(zone.clone(), from, dates[0])).unwrap();
    }

    /// Lets time pass, with the deadlines that fire meanwhile.
    pub(crate) fn pass(&mut self, millis: u64) {
        let until = self.now + Millis(millis);
        while let Some(deadline) = self.board.deadline(&self.limits).map(|at| at - self.ahead).filter(|at| *at <= until)
        {
            self.now = deadline.max(self.now);
            self.apply(Command::Settle).unwrap();
        }
        self.now = until;
    }

    /// Returns the day of now.
    pub(crate) fn day(&self) -> PunchDay {
        let blank = PunchDay::blank(self.zone.clone(), self.now);
        let day = self.board.get::<PunchDay>(&()).cloned().unwrap_or(blank);
        day.rolled(self.now, &self.limits.punch_clock).0
    }

    pub(crate) fn log(&self, date: &str) -> Option<DayLog> {
        let date: LocalDate = date.parse().unwrap();
        self.history.get(&date.row_id()).map(|row| DayLog::decode(row.body.as_str()).unwrap())
    }

    pub(crate) fn logs(&self) -> Vec<DayLog> {
        self.history.values().map(|row| DayLog::decode(row.body.as_str()).unwrap()).collect()
    }

    /// Returns the punches that the day shows, as text: type, and minutes since noon of the first day.
    pub(crate) fn shown(&self) -> Vec<String> {
        let day = self.day();
        let minutes = |at: Timestamp| (i64::try_from(at.0).unwrap() - i64::try_from(NOON.0).unwrap()) / 60_000;
        let standing = day.standing();
        standing.shown(day.start()).map(|(punch, at)| format!("{} {}", punch.kind.as_str(), minutes(at))).collect()
    }
}

/// Makes a punch, at so many minutes after noon of the first day.
pub(crate) fn punch(id: i64, kind: PunchKind, minutes: i64) -> Punch {
    let at = Timestamp(NOON.0.saturating_add_signed(minutes * 60_000));
    Punch { id: PunchId::new(&id.into()).unwrap(), at, kind, time: None }
}
