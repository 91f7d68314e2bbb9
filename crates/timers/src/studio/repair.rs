//! Repairs of another server's entries, which the rules here would never have made.

use std::collections::BTreeMap;

use crate::studio::time_entry::{EntryId, Target, TimeEntry};

/// What was wrong with an entry, and is repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryRepair {
    /// Its end was before its start. It ends at its start.
    EndBeforeStart,
    /// It ran together with this later entry of its target. It ends at that entry's start.
    RunsBeside(EntryId),
}

/// Repairs the entries of one organisation. Returns the indexes of the repaired ones in ascending order.
///
/// Of the entries of a target that run, only the one that started last continues.
pub fn repair_entries(entries: &mut [&mut TimeEntry]) -> Vec<(usize, EntryRepair)> {
    let mut repairs = Vec::new();
    let mut running: BTreeMap<Target, Vec<usize>> = BTreeMap::new();
    for (index, entry) in entries.iter_mut().enumerate() {
        match entry.end {
            Some(end) if end < entry.start => {
                entry.end = Some(entry.start);
                repairs.push((index, EntryRepair::EndBeforeStart));
            }
            Some(_) => {}
            None => running.entry(entry.target).or_default().push(index),
        }
    }
    for mut of_target in running.into_values() {
        of_target.sort_by_key(|index| (entries[*index].start, entries[*index].id));
        for pair in of_target.windows(2) {
            let [index, next] = [pair[0], pair[1]];
            entries[index].end = Some(entries[next].start);
            repairs.push((index, EntryRepair::RunsBeside(entries[next].id)));
        }
    }
    repairs.sort_by_key(|(index, _)| *index);
    repairs
}
