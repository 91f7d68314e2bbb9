//! The golden transcripts of the punch clock: what a client computes from a day equals the ticks of the server.

use std::path::Path;

use serde_json::Value;

use crate::link::LinkEvent;
use crate::punch_clock::day::{LiveSeconds, live_seconds, with_punches};
use crate::punch_clock::protocol::{DayLogPage, Punch, PunchClockMessage, WorkDay, decode};
use crate::socket::Decoded;

#[derive(Debug, Default)]
struct Counts {
    days: usize,
    ticks: usize,
    predictions: usize,
    pages: usize,
}

/// A client, and the punch that was posted last.
#[derive(Default)]
struct World {
    day: Option<WorkDay>,
    beat_ms: i64,
    posted: Vec<Punch>,
    counts: Counts,
}

#[test]
fn the_client_follows_the_transcripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/punch_clock");
    for name in ["day.txt", "midnight.txt", "faults.txt"] {
        let mut world = World::default();
        for line in std::fs::read_to_string(folder.join(name)).unwrap().lines() {
            match line.split_at_checked(2) {
                Some(("~ ", beat)) => world.beat_ms = beat.parse::<i64>().unwrap() * 1000,
                Some(("> ", request)) => world.posted = posted(request),
                Some(("< ", message)) => world.receive(message),
                Some(("= ", answer)) => world.answer(answer),
                Some(_) | None => {}
            }
        }
        let Counts { days, ticks, predictions, pages } = world.counts;
        assert!(name != "day.txt" || ticks > 1 && predictions > 0, "{:?}", world.counts);
        assert!(name != "midnight.txt" || days > 1 && pages > 0, "{:?}", world.counts);
    }
}

impl World {
    fn receive(&mut self, text: &str) {
        let value: Value = serde_json::from_str(text).unwrap();
        let Decoded::Event(LinkEvent::Message(message)) = decode(text) else { panic!("{text} is not understood") };
        match message {
            PunchClockMessage::Day(day) => {
                assert_eq!(serde_json::to_value(&*day).unwrap(), value["payload"], "{text}");
                self.compare_prediction(&day);
                self.day = Some(WorkDay::clone(&day));
                self.counts.days += 1;
            }
            PunchClockMessage::Tick => {
                let LiveSeconds { work_seconds, break_seconds } =
                    live_seconds(self.day.as_ref().unwrap(), self.beat_ms);
                let expected = ["liveWorkSeconds", "liveBreakSeconds"].map(|name| value["payload"][name].as_i64());
                assert_eq!([Some(work_seconds), Some(break_seconds)], expected, "{text}");
                self.counts.ticks += 1;
            }
            PunchClockMessage::Live(_) => {}
        }
    }

    /// One new punch that the server stores as it was posted is displayed in advance as it will be.
    fn compare_prediction(&mut self, next: &WorkDay) {
        let posted = std::mem::take(&mut self.posted);
        let Some(day) = &self.day else { return };
        let is_new = |punch: &&Punch| day.entries.iter().all(|entry| entry.id != punch.id);
        let [added] = posted.iter().filter(is_new).collect::<Vec<_>>()[..] else { return };
        if next.entries.last().is_some_and(|last| last.id == added.id && last.timestamp == added.timestamp) {
            let predicted = with_punches(day, [added.clone()]);
            let expected = (next.current_status, next.session_start_time);
            assert_eq!((predicted.current_status, predicted.session_start_time), expected);
            self.counts.predictions += 1;
        }
    }

    fn answer(&mut self, answer: &str) {
        let Some((_, body)) = answer.split_once(' ') else { return };
        let Ok(value) = serde_json::from_str::<Value>(body) else { return };
        if let Some(data) = value.get("data") {
            let day: WorkDay = serde_json::from_value(data.clone()).unwrap();
            assert_eq!(serde_json::to_value(day).unwrap(), *data, "{answer}");
        } else if value.get("pagination").is_some() {
            let page: DayLogPage = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(page).unwrap(), value, "{answer}");
            self.counts.pages += 1;
        }
    }
}

fn posted(request: &str) -> Vec<Punch> {
    let body = request.strip_prefix("POST /api/session ").unwrap_or_default();
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    body.get("entries").and_then(|entries| serde_json::from_value(entries.clone()).ok()).unwrap_or_default()
}
