//! The calls of a member: it starts, corrects and stops entries of a session of its own, so that each outcome is known.

use fastrand::Rng;
use serde_json::{Value, json};

/// How much earlier each correction moves the start, so that no two are equal.
const MOVED_BY_MS: i64 = 1000;

/// The types with which entries are started, by id.
const TYPES: std::ops::RangeInclusive<u64> = 1..=5;

/// The workload of one member.
pub(crate) struct MemberWorkload {
    random: Rng,
    session: usize,
    /// The entry as the last answer had it.
    entry: Option<Value>,
    count: usize,
}

/// The next call.
#[derive(Clone, Debug)]
pub(crate) struct NextCall {
    pub(crate) procedure: &'static str,
    pub(crate) input: Value,
    pub(crate) key: String,
    /// The names of the events that it causes if it succeeds, in order.
    pub(crate) events: Vec<&'static str>,
}

impl MemberWorkload {
    pub(crate) fn new(session: usize, seed: u64) -> Self {
        Self { random: Rng::with_seed(seed), session, entry: None, count: 0 }
    }

    /// Returns a number below a limit.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.random.u64(0..limit)
    }

    pub(crate) fn next(&mut self) -> NextCall {
        self.count += 1;
        let (procedure, input, events) = match self.entry.clone() {
            None => self.start(),
            Some(entry) => {
                let is_running = entry["endTime"].is_null();
                match (self.random.u8(0..5), is_running) {
                    (0 | 1, true) => ("timer.stop", json!({ "timeEntryId": entry["id"] }), vec!["timer:stopped"]),
                    (_, true) => self.correct_running(&entry),
                    (0 | 1, false) => (
                        "timeEntries.adjust",
                        json!({ "timeEntryId": entry["id"], "startTime": earlier(&entry["startTime"]) }),
                        vec!["timer:adjusted"],
                    ),
                    (_, false) => self.start(),
                }
            }
        };
        NextCall { procedure, input, key: format!("{}-{}", self.session, self.count), events }
    }

    fn start(&mut self) -> (&'static str, Value, Vec<&'static str>) {
        let task_type = self.random.u64(TYPES);
        ("timer.start", json!({ "taskTypeId": task_type, "sessionId": self.session }), vec!["timer:started"])
    }

    fn correct_running(&mut self, entry: &Value) -> (&'static str, Value, Vec<&'static str>) {
        let mut input = json!({ "timeEntryId": entry["id"], "startTime": earlier(&entry["startTime"]) });
        if self.random.bool() {
            input["endTime"] = entry["startTime"].clone();
            return ("timeEntries.adjust", input, vec!["timer:adjusted", "timer:stopped"]);
        }
        ("timeEntries.adjust", input, vec!["timer:adjusted", "timer:started"])
    }

    /// Takes the final answer to the last call.
    pub(crate) fn done(&mut self, answer: &Result<Value, Value>) {
        // A refusal means that the store has lost the entry, or restored one.
        self.entry = answer.as_ref().ok().cloned();
    }
}

/// Returns a date a little earlier.
fn earlier(date: &Value) -> String {
    let date: jiff::Timestamp = date.as_str().unwrap_or_default().parse().unwrap_or_default();
    let moved = jiff::Timestamp::from_millisecond(date.as_millisecond() - MOVED_BY_MS).unwrap_or_default();
    format!("{moved:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_calls_of_every_kind() {
        let trace = |seed| {
            let mut workload = MemberWorkload::new(7, seed);
            let mut trace = Vec::new();
            for id in 0..100 {
                let next = workload.next();
                let ends = next.procedure == "timer.stop" || next.input.get("endTime").is_some();
                let end = if ends { json!("2026-01-01T00:00:00.000Z") } else { Value::Null };
                workload.done(&Ok(json!({ "id": id, "startTime": "2026-01-01T00:00:00.000Z", "endTime": end })));
                trace.push((next.procedure, next.input, next.events));
            }
            trace
        };
        assert_eq!(trace(1), trace(1));
        assert_ne!(trace(1), trace(2));
        let first = trace(1);
        for events in [
            &["timer:started"][..],
            &["timer:stopped"],
            &["timer:adjusted", "timer:stopped"],
            &["timer:adjusted", "timer:started"],
        ] {
            assert!(first.iter().any(|(_, _, caused)| caused == events), "{events:?}");
        }
        assert_eq!(earlier(&json!("2026-01-01T00:00:00.250Z")), "2025-12-31T23:59:59.250Z");
    }
}
