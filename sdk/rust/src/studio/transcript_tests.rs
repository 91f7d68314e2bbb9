//! The golden transcripts of Studio, replayed against the documents, the events and the model.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::studio::model::StudioModel;
use crate::studio::money::cost_of;
use crate::studio::protocol::{EntryList, StudioMessage, TaskType, TimeEntry, TimerEvent};

#[derive(Debug, Default)]
struct Counts {
    events: usize,
    results: usize,
    costs: usize,
    lists: usize,
}

/// A client that follows the events alone, and one that has the answers of calls too.
#[derive(Default)]
struct World {
    by_events: StudioModel,
    model: StudioModel,
    rates: HashMap<i64, String>,
    counts: Counts,
}

/// Every field of a document is known and kept, costs are the server's, and the model has the entries of the lists.
#[test]
fn the_client_follows_the_transcripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/studio");
    for name in ["life.txt", "faults.txt"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let mut world = World::default();
        let mut call = ("", "");
        for line in text.lines() {
            if let Some(request) = line.strip_prefix("> ") {
                let mut words = request.splitn(4, ' ').skip(2);
                call = (words.next().unwrap(), words.next().unwrap_or_default());
            } else if let Some(event) = line.strip_prefix("< ") {
                world.receive(event);
            } else if let Some(answer) = line.strip_prefix("= ") {
                world.answer(call, answer);
            }
        }
        let Counts { events, results, costs, lists } = world.counts;
        assert!(name == "faults.txt" || (events, costs, lists) == (10, 2, 1) && results > 20, "{:?}", world.counts);
    }
}

impl World {
    fn receive(&mut self, line: &str) {
        let (name, payload) = line.split_once(' ').unwrap();
        let payload: Value = serde_json::from_str(payload).unwrap();
        let Some(StudioMessage::Event(event)) = StudioMessage::parse(name, payload.clone()) else {
            panic!("{line} is not understood");
        };
        let written = match &event {
            TimerEvent::Started(started) => serde_json::to_value(started),
            TimerEvent::Stopped(stopped) => serde_json::to_value(stopped),
            TimerEvent::Adjusted(adjusted) => serde_json::to_value(adjusted),
        };
        assert_eq!(numbers_as_floats(written.unwrap()), numbers_as_floats(payload), "{line}");
        if let TimerEvent::Stopped(stopped) = &event {
            let rate = &self.rates[&stopped.time_entry_id];
            assert_eq!(cost_of(stopped.duration_minutes.unwrap(), rate), stopped.cost, "{line}");
            self.counts.costs += 1;
        }
        self.by_events.apply(&event);
        self.model.apply(&event);
        self.counts.events += 1;
    }

    fn answer(&mut self, (procedure, input): (&str, &str), answer: &str) {
        let envelope: Value = serde_json::from_str(answer).unwrap();
        let Some(data) = envelope.pointer("/result/data").cloned() else { return };
        self.counts.results += 1;
        match procedure.trim_start_matches("timeTracking.") {
            "taskTypes.list" => drop(kept::<Vec<TaskType>>(data)),
            "taskTypes.create" | "taskTypes.update" => drop(kept::<TaskType>(data)),
            "timer.getActive" => drop(kept::<Option<TimeEntry>>(data)),
            "timer.start" | "timer.stop" | "timeEntries.adjust" => {
                let entry: TimeEntry = kept(data);
                self.rates.insert(entry.id, entry.hourly_rate_snapshot.clone());
                self.model.put_entry(&entry, None);
            }
            "timeEntries.list" => {
                kept::<Vec<TimeEntry>>(data["entries"].clone());
                let list: EntryList = serde_json::from_value(data).unwrap();
                if input == r#"{"isRunning":true}"# {
                    self.compare(&list);
                }
            }
            other => panic!("{other} is unknown"),
        }
    }

    fn compare(&mut self, list: &EntryList) {
        let mut listed = StudioModel::default();
        listed.put_all(&list.entries, &StudioModel::default());
        assert_eq!(self.model.entries, listed.entries);
        assert!(self.by_events.entries.keys().eq(listed.entries.keys()));
        for (id, entry) in &*self.by_events.entries {
            let known = &listed.entries[id];
            assert_eq!((&entry.task_type, entry.start_time), (&known.task_type, known.start_time));
        }
        self.counts.lists += 1;
    }
}

/// Reads a document, and compares what is written again.
fn kept<T: DeserializeOwned + Serialize>(data: Value) -> T {
    let document: T = serde_json::from_value(data.clone()).unwrap_or_else(|error| panic!("{data}: {error}"));
    assert_eq!(serde_json::to_value(&document).unwrap(), data);
    document
}

/// `0` and `0.0` are the same cost.
fn numbers_as_floats(mut value: Value) -> Value {
    if let Some(cost) = value.pointer_mut("/cost/cost") {
        *cost = cost.as_f64().into();
    }
    value
}
