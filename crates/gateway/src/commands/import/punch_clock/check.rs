//! The check of an import against the store: every command is decided as its commit will be, and nothing is written.

use std::collections::BTreeMap;

use timers::calendar::LocalDate;
use timers::punch_clock::{DayLog, PunchClockRefusal, PunchDay};
use timers::{
    Board, Change, Command, CommandId, Decision, HistoryBound, HistoryId, Millis, Refusal, RequiredRows, Row,
    ScopeKind, Timestamp, decide,
};
use wire::FAULTS_MAX;
use wire::punch_clock::{ExportedContent, ExportedDay};

use crate::commands::Failure;
use crate::commands::import::documents::FileDocument;
use crate::commands::import::notes::Note;
use crate::commands::import::people::PersonDocuments;
use crate::commands::import::punch_clock::parts;
use crate::commands::import::rehearsal::RehearsedScope;
use crate::commands::import::{history_quota, unread};
use crate::commands::progress::Progress;
use crate::commands::store_session::StoreSession;
use crate::ops::config::Settings;

/// How far a device's clock can be ahead. Its punches are taken as made now.
const AHEAD_MAX: Millis = Millis::from_hours(1);

/// What an import makes of the files.
#[derive(Default)]
pub(super) struct PeopleSummary {
    pub(super) people: usize,
    pub(super) new: usize,
    pub(super) punches: usize,
    pub(super) new_punches: usize,
    pub(super) days: usize,
}

/// What an import would make of one person.
struct PersonRehearsal {
    scope: RehearsedScope,
    /// The rows that the commands so far write; `None` if they delete one.
    rows: BTreeMap<HistoryId, Option<Row>>,
    new_punches: usize,
}

impl PeopleSummary {
    /// Prints the summary.
    pub(super) fn print(&self) {
        println!("people: {} read, {} new, {} known", self.people, self.new, self.people - self.new);
        let known = self.punches - self.new_punches;
        println!("punches: {} read, {} new, {known} known", self.punches, self.new_punches);
        println!("days: {} changed", self.days);
    }
}

/// Checks all people, and reports the days of which the punches make other totals than those of the files.
pub(super) async fn check(
    session: &StoreSession,
    people: &[PersonDocuments<ExportedDay>],
    new_zone: &str,
    settings: &Settings,
) -> Result<PeopleSummary, Failure> {
    let mut progress = Progress::new("checking people", people.len() as u64);
    let (mut summary, mut faults, mut notes) = (PeopleSummary::default(), Vec::new(), Vec::new());
    for (done, person) in (1..).zip(people) {
        let Some(now) = session.date() else { return Err(unread(&"no time is known")) };
        faults.extend(future_punches(person, now));
        let before = session
            .read(&person.scope, &RequiredRows::default())
            .await
            .map_err(|error| unread(&format_args!("{}: {error}", person.scope)))?
            .0;
        let (rehearsal, refusal) = rehearse(session, person, before.clone(), new_zone, now, settings).await?;
        faults.extend(refusal.map(|refusal| format!("{}: {}", person.scope, reason(refusal))));
        summary.people += 1;
        summary.new += usize::from(before.get::<PunchDay>(&()).is_none());
        summary.punches += person.documents.iter().map(|named| named.document.punches.len()).sum::<usize>();
        summary.new_punches += rehearsal.new_punches;
        summary.days += rehearsal.rows.len();
        notes.extend(other_totals(person, &rehearsal));
        if faults.len() >= FAULTS_MAX {
            break;
        }
        progress.show(done);
    }
    drop(progress);
    if !faults.is_empty() {
        faults.truncate(FAULTS_MAX);
        return Err(Failure::data(faults, "the files do not fit what is stored; nothing was imported"));
    }
    notes.iter().take(FAULTS_MAX).for_each(|note| eprintln!("{note}"));
    if notes.len() > FAULTS_MAX {
        eprintln!("{} further days have other totals", notes.len() - FAULTS_MAX);
    }
    Ok(summary)
}

/// Names the punches that are in the future by more than a device's clock can be ahead: their dates are wrong.
fn future_punches(person: &PersonDocuments<ExportedDay>, now: Timestamp) -> Vec<String> {
    let of = |named: &FileDocument<ExportedDay>| {
        let future = named.document.punches.iter().find(|punch| punch.at > now + AHEAD_MAX)?;
        let message = format!("the punch of id {} is in the future", future.id);
        Some(Note::new(&named.file, named.line, "entries", message).to_string())
    };
    person.documents.iter().filter_map(of).collect()
}

/// Decides the commands of a person, one after the other.
async fn rehearse(
    session: &StoreSession,
    person: &PersonDocuments<ExportedDay>,
    board: Board,
    new_zone: &str,
    now: Timestamp,
    settings: &Settings,
) -> Result<(PersonRehearsal, Option<Refusal>), Failure> {
    let commands = parts::commands(person, &board, new_zone, now);
    let mut rehearsal = PersonRehearsal { scope: RehearsedScope::new(board), rows: BTreeMap::new(), new_punches: 0 };
    for command in commands {
        let command: Command = command.into();
        let (_, mut stored) = session
            .read(&person.scope, &command.required_rows())
            .await
            .map_err(|error| unread(&format_args!("{}: {error}", person.scope)))?;
        let before = stored.rows.clone();
        for (id, row) in &rehearsal.rows {
            match row {
                Some(row) => stored.rows.insert(id.clone(), row.clone()),
                None => stored.rows.remove(id),
            };
        }
        match decide(&rehearsal.scope.board, &stored, &command, CommandId(0), now, &settings.rules) {
            Ok(Decision::Nothing) => {}
            Ok(Decision::Change(change) | Decision::Partial(change)) => rehearsal.apply(&change, &stored.rows, &before),
            Err(refusal) => return Ok((rehearsal, Some(refusal))),
        }
    }
    let exceeded = rehearsal.scope.exceeded(history_quota(settings, &ScopeKind::WorkDay));
    Ok((rehearsal, exceeded))
}

impl PersonRehearsal {
    fn apply(&mut self, change: &Change, known: &BTreeMap<HistoryId, Row>, stored: &BTreeMap<HistoryId, Row>) {
        let of_board = |board: &Board| board.get::<PunchDay>(&()).map_or(0, |day| day.punches.len());
        let of_row = |row: Option<&Row>| row.and_then(read).map_or(0, |log| log.punches.len());
        let rows = || change.archive.iter();
        let before = of_board(&self.scope.board) + rows().map(|row| of_row(known.get(&row.id))).sum::<usize>();
        self.scope.apply(change, |id| stored.contains_key(id) || self.rows.contains_key(id));
        let after = of_board(&self.scope.board) + rows().map(|row| of_row(Some(row))).sum::<usize>();
        self.new_punches += after.saturating_sub(before);
        self.rows.extend(rows().map(|row| (row.id.clone(), Some(row.clone()))));
        self.rows.extend(change.archive_removed.iter().map(|id| (id.clone(), None)));
    }

    fn log(&self, date: LocalDate) -> Option<DayLog> {
        read(self.rows.get(&date.row_id())?.as_ref()?)
    }
}

fn read(row: &Row) -> Option<DayLog> {
    DayLog::decode(row.body.as_str()).ok()
}

/// Reports the archived days that are new and of which the punches make other totals than the original has stored.
fn other_totals(person: &PersonDocuments<ExportedDay>, rehearsal: &PersonRehearsal) -> Vec<Note> {
    let of = |named: &FileDocument<ExportedDay>| {
        let ExportedContent::Log(date, _) = named.document.content else { return None };
        let (work, breaks) = named.document.minutes?;
        let totals = rehearsal.log(date)?.totals();
        let (own_work, own_breaks) = (totals.work_minutes(), totals.break_minutes());
        ((work, breaks) != (own_work, own_breaks)).then(|| {
            let message = format!(
                "{work} minutes of work and {breaks} of breaks are stored; the punches make {own_work} and {own_breaks}"
            );
            Note::new(&named.file, named.line, "dailyStats", message)
        })
    };
    person.documents.iter().filter_map(of).collect()
}

/// Says why the rules refuse a person's days, with the setting if there is one.
pub(super) fn reason(refusal: Refusal) -> String {
    let settings = [
        (matches!(refusal, Refusal::PunchClock(PunchClockRefusal::DayFull(..))), "punch_clock.punches"),
        (matches!(refusal, Refusal::HistoryFull(HistoryBound::Rows(_))), "limits.history_rows"),
        (matches!(refusal, Refusal::HistoryFull(HistoryBound::Bytes(_))), "limits.history_bytes"),
    ];
    match settings.iter().find(|(is_bound, _)| *is_bound) {
        Some((_, setting)) => format!("{refusal} ({setting})"),
        None => refusal.to_string(),
    }
}
