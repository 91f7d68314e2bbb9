//! The entries of an organisation that run, as last reported by the server, and what they cost. Pure: a model and an event
//! give the next model.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::studio::money::{cost_of, whole_minutes};
use crate::studio::protocol::{MemberId, TaskType, TimeEntry, TimerCost, TimerEvent};

/// More than the entries that end while a list is on its way.
const ENDED_MAX: usize = 1_000;

/// An entry that started within this time is new; events arrive much sooner.
const NEW_MS: i64 = 10_000;

/// An entry that runs. It belongs to a session, a project or a track. Times are in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveEntry {
    pub id: i64,
    pub task_type: Option<Arc<TaskType>>,
    pub session_id: Option<i64>,
    pub project_id: Option<i64>,
    pub track_id: Option<i64>,
    pub start_time: i64,
    /// The member that has started it.
    pub user_id: Option<MemberId>,
    /// The price of an hour, which does not change while it runs.
    pub hourly_rate: String,
    /// Absent until they have been loaded too: events do not contain them.
    pub notes: Option<String>,
    /// The server's time of the last change that is known.
    pub changed_at: i64,
}

/// An entry that runs, and what it would be if it were stopped at the last whole second.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningEntry {
    pub entry: Arc<ActiveEntry>,
    pub elapsed_seconds: i64,
    pub cost: TimerCost,
}

/// What is known of an organisation.
#[derive(Clone, Debug, Default)]
pub(crate) struct StudioModel {
    /// By their ids, which is the order of their creation.
    pub(crate) entries: Arc<BTreeMap<i64, Arc<ActiveEntry>>>,
    /// Entries that have ended lately. An entry that has ended never runs again.
    ended: VecDeque<i64>,
}

impl StudioModel {
    /// Applies an event.
    pub(crate) fn apply(&mut self, event: &TimerEvent) {
        let (id, server_time) = (event.time_entry_id(), event.server_time());
        let known = self.entries.get(&id);
        // During a handover two links deliver events, and one of them can be late.
        let is_newer = known.is_none_or(|known| known.changed_at <= server_time);
        match event {
            TimerEvent::Stopped(_) => self.end(id),
            TimerEvent::Adjusted(adjusted) if adjusted.end_time.is_some() => self.end(id),
            TimerEvent::Adjusted(_) | TimerEvent::Started(_) if !is_newer => {}
            TimerEvent::Adjusted(adjusted) => {
                if let Some(known) = known {
                    let start_time = adjusted.start_time;
                    self.put(ActiveEntry { start_time, changed_at: server_time, ..ActiveEntry::clone(known) });
                }
            }
            TimerEvent::Started(started) => {
                let rate = started.task_type.as_ref().map_or("0.00", |task_type| &task_type.hourly_rate);
                self.put(ActiveEntry {
                    id,
                    task_type: started.task_type.clone(),
                    session_id: started.session_id,
                    project_id: started.project_id,
                    track_id: started.track_id,
                    start_time: started.start_time,
                    user_id: known.map_or_else(|| started.user_id.clone(), |known| known.user_id.clone()),
                    hourly_rate: known.map_or_else(|| rate.to_owned(), |known| known.hourly_rate.clone()),
                    notes: known.and_then(|known| known.notes.clone()),
                    changed_at: server_time,
                });
            }
        }
    }

    /// Tells whether an event is about an entry whose start this client has missed: its rate may have been another one, and
    /// others have noted something; or its correction overtakes its start.
    pub(crate) fn is_incomplete(&self, event: &TimerEvent, server_now: i64) -> bool {
        let id = event.time_entry_id();
        if self.entries.contains_key(&id) || self.ended.contains(&id) {
            return false;
        }
        match event {
            TimerEvent::Started(started) => server_now.saturating_sub(started.start_time) > NEW_MS,
            TimerEvent::Adjusted(adjusted) => adjusted.end_time.is_none(),
            TimerEvent::Stopped(_) => false,
        }
    }

    /// Applies one entry that has been received as a whole, with its task type if that is known.
    pub(crate) fn put_entry(&mut self, entry: &TimeEntry, task_type: Option<Arc<TaskType>>) {
        if entry.end_time.is_some() {
            return self.end(entry.id);
        }
        let known = self.entries.get(&entry.id);
        let task_type =
            entry.task_type.clone().or_else(|| known.and_then(|known| known.task_type.clone())).or(task_type);
        self.put(newer(active(entry, task_type), known));
    }

    /// Applies the list of all entries that run. `before` is the model when the list was asked for: what has changed since
    /// is newer than the list, and is kept.
    pub(crate) fn put_all(&mut self, list: &[TimeEntry], before: &Self) {
        let is_running = |entry: &&TimeEntry| entry.end_time.is_none() && !self.ended.contains(&entry.id);
        let listed = list.iter().filter(is_running).map(|entry| {
            let known = self.entries.get(&entry.id);
            (entry.id, Arc::new(newer(active(entry, entry.task_type.clone()), known)))
        });
        let mut entries: BTreeMap<i64, Arc<ActiveEntry>> = listed.collect();
        for (id, entry) in &*self.entries {
            let is_changed = before.entries.get(id).is_none_or(|before| !Arc::ptr_eq(before, entry));
            if is_changed {
                entries.entry(*id).or_insert_with(|| Arc::clone(entry));
            }
        }
        self.entries = Arc::new(entries);
    }

    /// Returns what is displayed at a whole second of the server's time.
    pub(crate) fn display(&self, beat_ms: i64) -> Vec<RunningEntry> {
        let running = self.entries.values().filter_map(|entry| {
            let elapsed_ms = beat_ms.saturating_sub(entry.start_time).max(0);
            let cost = cost_of(whole_minutes(elapsed_ms), &entry.hourly_rate)?;
            Some(RunningEntry { entry: Arc::clone(entry), elapsed_seconds: elapsed_ms / 1000, cost })
        });
        running.collect()
    }

    fn put(&mut self, entry: ActiveEntry) {
        if !self.ended.contains(&entry.id) {
            Arc::make_mut(&mut self.entries).insert(entry.id, Arc::new(entry));
        }
    }

    fn end(&mut self, id: i64) {
        if self.ended.contains(&id) {
            return;
        }
        if self.ended.len() == ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(id);
        Arc::make_mut(&mut self.entries).remove(&id);
    }
}

/// An event that is newer than a received entry has the newer start.
fn newer(received: ActiveEntry, known: Option<&Arc<ActiveEntry>>) -> ActiveEntry {
    match known.filter(|known| known.changed_at > received.changed_at) {
        Some(known) => ActiveEntry { start_time: known.start_time, changed_at: known.changed_at, ..received },
        None => received,
    }
}

fn active(entry: &TimeEntry, task_type: Option<Arc<TaskType>>) -> ActiveEntry {
    ActiveEntry {
        id: entry.id,
        task_type,
        session_id: entry.session_id,
        project_id: entry.project_id,
        track_id: entry.track_id,
        start_time: entry.start_time,
        user_id: entry.created_by.clone(),
        hourly_rate: entry.hourly_rate_snapshot.clone(),
        notes: entry.notes.clone(),
        changed_at: entry.updated_at,
    }
}

#[cfg(test)]
mod tests;
