//! Replays the transcripts in `fixtures/studio/` and compares every answer and event that clients receive.
//!
//! `@ ms` sets the clock, `> user verb path input` is a call, `| ` begins a batch-free comment. `= envelope` is the answer
//! to a call, `< event payload` an event to all clients of the organisation.

use std::collections::BTreeMap;
use std::fmt::Write;

use timers::studio::{StudioCommand, StudioCounters, TaskType, TimeEntry, Total};
use timers::{
    Board, Command, CommandId, Decision, HistoryId, Limits, OrganizationId, Position, Row, Scope, StoredRows, Tag,
    Timestamp, decide,
};
use wire::studio::trpc::{CallError, RESULT_END, RESULT_START};
use wire::studio::{
    Cursor, EntryList, Procedure, Studio, StudioRequest, active, entry, list_end, list_start, listed_entry, task_type,
    task_types,
};
use wire::{Dialect, Fault};

use super::replay::replay;

#[test]
fn every_studio_transcript_is_reproduced_byte_for_byte() {
    replay("studio", 2, Player::play);
}

/// An organisation with its history, and a clock.
pub(super) struct Player {
    board: Board,
    history: BTreeMap<HistoryId, Row>,
    now: Timestamp,
    out: String,
}

impl Player {
    pub(super) fn play(script: &str) -> String {
        let board = Board::empty(Scope::organization(&OrganizationId::new("1").unwrap()));
        let mut player = Self { board, history: BTreeMap::new(), now: Timestamp(0), out: String::new() };
        for line in script.lines().filter(|line| !line.starts_with(['<', '='])) {
            writeln!(player.out, "{line}").unwrap();
            let rest = line.get(2..).unwrap_or_default();
            match line.chars().next() {
                Some('@') => player.now = Timestamp(rest.parse().unwrap()),
                Some('>') => player.call(rest),
                Some('#') | None => {}
                Some(other) => panic!("no such line: {other}"),
            }
        }
        player.out
    }

    fn call(&mut self, line: &str) {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().unwrap();
        let (user, verb, path) = (word(), word(), word());
        let before = self.board.clone();
        let answer = self.answer(user, verb, path, words.next());
        Studio::diff(&before, &self.board, self.now, |event| {
            serde_json::from_str::<serde_json::Value>(&event.payload).expect("every payload is JSON");
            writeln!(self.out, "< {} {}", event.name, event.payload).unwrap();
        });
        let envelope = match answer {
            Ok(result) => format!("{RESULT_START}{result}{RESULT_END}"),
            Err(error) => error.envelope(Some(path)),
        };
        serde_json::from_str::<serde_json::Value>(&envelope).expect("every answer is JSON");
        writeln!(self.out, "= {envelope}").unwrap();
    }

    fn answer(&mut self, user: &str, verb: &str, path: &str, input: Option<&str>) -> Result<String, CallError> {
        let procedure = CallError::check(path, verb)?;
        let request = StudioRequest::read(procedure, input, user).map_err(|fault| CallError::from(&fault))?;
        match request {
            StudioRequest::ListTaskTypes { include_inactive } => {
                self.execute(StudioCommand::Open)?;
                Ok(task_types(&self.board, include_inactive))
            }
            StudioRequest::GetActive(target) => {
                let found = self.board.all::<TimeEntry>().find(|entry| entry.target == target);
                Ok(active(found, &self.board))
            }
            StudioRequest::ListEntries(list) => Ok(self.list(&list)),
            StudioRequest::Command(command) => {
                let next = self.board.get::<StudioCounters>(&()).cloned().unwrap_or_default();
                self.execute(command.clone())?;
                Ok(match command {
                    StudioCommand::Start(_) => active(Some(&self.entry(next.next_entry)), &self.board),
                    StudioCommand::Stop(id, _) => entry(&self.entry(id)),
                    StudioCommand::Adjust(adjustment) => entry(&self.entry(adjustment.entry)),
                    StudioCommand::UpdateTaskType(id, _) => task_type(self.board.get::<TaskType>(&id).unwrap()),
                    StudioCommand::CreateTaskType(_) => task_type(self.board.get::<TaskType>(&next.next_type).unwrap()),
                    StudioCommand::Open | StudioCommand::Import(_) => panic!("no procedure does this"),
                })
            }
        }
    }

    fn entry(&self, id: timers::studio::EntryId) -> TimeEntry {
        let running = self.board.get::<TimeEntry>(&id).cloned();
        running.unwrap_or_else(|| TimeEntry::decode(self.history[&id.row_id()].body.as_str()).unwrap())
    }

    fn list(&self, list: &EntryList) -> String {
        let finished = self.history.values().map(|row| TimeEntry::decode(row.body.as_str()).unwrap());
        let mut all: Vec<TimeEntry> = finished.chain(self.board.all::<TimeEntry>().cloned()).collect();
        all.retain(|entry| list.filter.matches(entry));
        all.sort_by_key(|entry| std::cmp::Reverse(Cursor::of(entry)));
        let mut total = Total::default();
        all.iter().filter_map(TimeEntry::cost).for_each(|cost| total.add(cost));
        all.retain(|entry| list.after.is_none_or(|after| Cursor::of(entry) < after));
        let limit = list.limit.unwrap_or(usize::MAX);
        let has_more = all.len() > limit;
        all.truncate(limit);
        let entries: Vec<String> = all.iter().map(|entry| listed_entry(entry, &self.board)).collect();
        let next = all.last().map(Cursor::of).filter(|_| has_more);
        format!("{}{}{}", list_start(), entries.join(","), list_end(total, next))
    }

    fn execute(&mut self, command: StudioCommand) -> Result<(), CallError> {
        let command = Command::Studio(command);
        let required = command.required_rows();
        let existing = required.existing.into_iter().filter(|id| self.history.contains_key(id)).collect();
        let rows = required.bodies.into_iter().filter_map(|id| Some((id.clone(), self.history.get(&id)?.clone())));
        let stored = StoredRows { existing, rows: rows.collect() };
        let decided = decide(&self.board, &stored, &command, CommandId(1), self.now, &Limits::default());
        match decided.map_err(|refusal| CallError::from(&Fault::from(refusal)))? {
            Decision::Change(change) => {
                let revision = self.board.position.revision.next();
                self.board = self.board.after(&change, Position { revision, tag: Tag(revision.0) });
                self.history.extend(change.archive.into_iter().map(|row| (row.id.clone(), row)));
            }
            Decision::Nothing => {}
            Decision::Partial(_) => panic!("nothing of an organisation is due"),
        }
        Ok(())
    }
}

#[test]
fn every_path_has_its_procedure() {
    for procedure in Procedure::ALL {
        assert_eq!(Procedure::at(procedure.path()), Some(*procedure));
        assert_eq!(CallError::check(procedure.path(), procedure.kind().method()), Ok(*procedure));
    }
}
