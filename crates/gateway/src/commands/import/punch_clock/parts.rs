//! The commands of an import.

use timers::calendar::{LocalDate, Zone};
use timers::punch_clock::{DayImport, Punch, PunchClockCommand, PunchDay, SavedLog};
use timers::{Board, Timestamp};
use wire::punch_clock::ExportedDay;

use crate::commands::import::people::PersonDocuments;

/// Most days of punches in a command: each makes a row, and the day after it can make another.
const DAYS_AT_ONCE: usize = 1000;

const _: () = assert!(DAYS_AT_ONCE * 2 <= timers::ROWS_MAX);

/// Returns the commands that take a person over, the newest days first: whether work goes on after a day is decided by the
/// punches after it.
pub(super) fn commands(
    person: &PersonDocuments<ExportedDay>,
    board: &Board,
    new_zone: &str,
    now: Timestamp,
) -> Vec<PunchClockCommand> {
    let day = board.get::<PunchDay>(&());
    let name = day.map_or(new_zone, |day| day.zone.name());
    let punches = person.punches();
    let earliest = punches.first().map_or(now, |punch| punch.at);
    // A zone that a newer database knows keeps the offsets that are stored.
    let stored = || day.map_or_else(Zone::utc, |day| day.zone.clone());
    let zone = wire::zone(name, earliest.min(now), now).unwrap_or_else(stored);
    let logs: Vec<SavedLog> = person.logs().collect();
    let date = zone.date_at(now);
    let command = |punches: &[Punch]| {
        let day_of = |punch: &Punch| zone.date_at(punch.at).min(date);
        let (first, last) = (punches.first().map_or(date, day_of), punches.last().map_or(date, day_of));
        let logs = logs.iter().filter(|log| (first..=last).contains(&log.date));
        PunchClockCommand::Import(DayImport {
            zone: zone.clone(),
            // A punch can be on the day before, which another zone has given it.
            from: first.previous(),
            date,
            punches: punches.to_vec(),
            logs: logs.cloned().collect(),
            person: person.new_person(),
        })
    };
    let mut parts: Vec<PunchClockCommand> = split(&punches, |punch| zone.date_at(punch.at)).map(command).collect();
    if parts.is_empty() {
        parts.push(command(&[]));
    }
    parts.reverse();
    parts
}

/// Splits punches, which are in order, at days.
fn split(punches: &[Punch], day_of: impl Fn(&Punch) -> LocalDate) -> impl Iterator<Item = &[Punch]> {
    let mut rest = punches;
    std::iter::from_fn(move || {
        let mut days = 0;
        let mut last = None;
        let count = rest.iter().take_while(|punch| {
            let day = Some(day_of(punch));
            days += usize::from(last != day);
            last = day;
            days <= DAYS_AT_ONCE
        });
        let (part, others) = rest.split_at(count.count());
        rest = others;
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use timers::punch_clock::{PunchId, PunchKind};

    use super::*;

    #[test]
    fn parts_end_between_days() {
        let punch = |nth: u64| Punch {
            id: PunchId::new(&nth.into()).unwrap(),
            at: Timestamp(nth * 43_200_000),
            kind: PunchKind::In,
            time: None,
        };
        let utc = Zone::utc();
        let sizes = |count: u64| -> Vec<usize> {
            let punches: Vec<Punch> = (0..count).map(punch).collect();
            split(&punches, |punch| utc.date_at(punch.at)).map(<[_]>::len).collect()
        };
        assert_eq!(sizes(0), [0; 0]);
        assert_eq!(sizes(2000), [2000]);
        assert_eq!(sizes(4001), [2000, 2000, 1]);
    }
}
