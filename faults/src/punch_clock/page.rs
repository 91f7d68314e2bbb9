//! The page of one device: it keeps a document, adds punches to it, and posts the whole of it.

use fastrand::Rng;
use serde_json::{Value, json};

use super::{DeviceProfile, PageRequest};

pub(super) const SESSION: &str = "/api/session";
pub(super) const HEARTBEAT: &str = "/api/heartbeat";
pub(super) const DAILY_LOGS: &str = "/api/daily-logs";

const DAY_MS: u64 = 86_400_000;
const MINUTE_MS: u64 = 60_000;

/// Minutes of the day before that take late punches: all but the last hour, whose punches a device with a slow clock could
/// have made today.
const LATE_MINUTES: u64 = 23 * 60;

/// Old documents that a page keeps, to post them again as a tab that was asleep.
const OLD_DOCUMENTS: usize = 8;

/// The page of one device.
pub(super) struct Page {
    random: Rng,
    client: String,
    place: (usize, usize),
    adopts: bool,
    resets: bool,
    document: Value,
    old: Vec<Value>,
    /// The end of a late run of work whose start alone was posted.
    late_end: Option<Value>,
    /// Numbers of punches and of late runs so far.
    punches: u64,
    late_runs: u64,
    requests: u64,
}

impl Page {
    pub(super) fn new(profile: &DeviceProfile) -> Self {
        Self {
            random: Rng::with_seed(profile.seed),
            client: profile.client.clone(),
            place: profile.place,
            adopts: profile.adopts,
            resets: profile.resets,
            document: json!({ "currentStatus": "OUT", "entries": [], "currentTheme": "minimal" }),
            old: vec![],
            late_end: None,
            punches: 0,
            late_runs: 0,
            requests: 0,
        }
    }

    /// Returns a number below a limit.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.random.u64(0..limit)
    }

    /// Returns the next request, at a date in ms.
    pub(super) fn next(&mut self, now_ms: u64) -> PageRequest {
        self.requests += 1;
        // Each page begins with two punches, and the one that resets the day does so next: also a short run has a reset.
        match (self.requests, self.random.u8(0..100)) {
            (1 | 2, _) | (_, 0..45) => self.punch(now_ms),
            (3, _) | (_, 45..53) if self.resets => request("DELETE", SESSION, Value::Null),
            (_, 45..60) => request("POST", HEARTBEAT, json!({ "timestamp": now_ms })),
            (_, 60..75) => {
                let old = self.old.get(self.random.usize(0..OLD_DOCUMENTS)).unwrap_or(&self.document);
                request("POST", SESSION, old.clone())
            }
            (_, 75..93) => self.punch_late(now_ms),
            (_, 93..) => request("GET", SESSION, Value::Null),
        }
    }

    /// Takes the final answer to the last request.
    pub(super) fn done(&mut self, request: &PageRequest, answer: &Value) {
        if request.is_reset() {
            self.document["entries"] = json!([]);
            self.document["currentStatus"] = json!("OUT");
        } else if request.path == SESSION && (self.adopts || request.method == "GET") {
            self.document = answer["data"].clone();
        }
        if self.old.len() == OLD_DOCUMENTS {
            let nth = self.random.usize(0..OLD_DOCUMENTS);
            self.old.swap_remove(nth);
        }
        self.old.push(self.document.clone());
    }

    /// Adds a punch to the document, and posts it.
    fn punch(&mut self, now_ms: u64) -> PageRequest {
        let kind = if self.document["currentStatus"] == "IN" { "OUT" } else { "IN" };
        let punch = self.new_punch(now_ms, kind);
        self.add(punch);
        self.document["currentStatus"] = json!(kind);
        request("POST", SESSION, self.document.clone())
    }

    /// Posts a run of work of yesterday, or its start alone, whose end follows. The runs of a person do not overlap.
    fn punch_late(&mut self, now_ms: u64) -> PageRequest {
        let late = match self.late_end.take() {
            Some(end) => vec![end],
            None => {
                let (place, devices) = (self.place.0 as u64, self.place.1 as u64);
                let minute = 1 + (self.late_runs * devices + place) * 2 % LATE_MINUTES;
                self.late_runs += 1;
                let start_ms = (now_ms / DAY_MS).saturating_sub(1) * DAY_MS + minute * MINUTE_MS;
                let (start, end) = (self.new_punch(start_ms, "IN"), self.new_punch(start_ms + MINUTE_MS, "OUT"));
                if self.random.u8(0..3) == 0 {
                    self.late_end = Some(end);
                    vec![start]
                } else {
                    vec![start, end]
                }
            }
        };
        if self.random.bool() {
            // The page sends the date of today, even with the punches of another day.
            let stats = json!({ "totalWorkMinutes": 0, "totalBreakMinutes": 0, "isComplete": false });
            let date = jiff::Timestamp::from_millisecond(now_ms as i64).unwrap_or_default().to_string();
            return request("POST", DAILY_LOGS, json!({ "date": date, "entries": late, "dailyStats": stats }));
        }
        late.into_iter().for_each(|punch| self.add(punch));
        request("POST", SESSION, self.document.clone())
    }

    fn new_punch(&mut self, at_ms: u64, kind: &str) -> Value {
        self.punches += 1;
        json!({ "id": format!("{}-{}", self.client, self.punches), "timestamp": at_ms, "type": kind })
    }

    fn add(&mut self, punch: Value) {
        let entries = &mut self.document["entries"];
        if !entries.is_array() {
            *entries = json!([]);
        }
        if let Some(entries) = entries.as_array_mut() {
            entries.push(punch);
        }
    }
}

fn request(method: &'static str, path: &'static str, body: Value) -> PageRequest {
    PageRequest { method, path, body }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::time::Duration;

    const NOW_MS: u64 = 1_795_946_400_000;

    #[test]
    fn the_same_seed_makes_the_same_requests_of_every_kind() {
        assert_eq!(trace(1, true), trace(1, true));
        assert_ne!(trace(1, true), trace(2, true));
        let trace = trace(1, true);
        let kinds: BTreeSet<(&str, &str)> = trace.iter().map(|request| (request.method, request.path)).collect();
        let all = [("POST", SESSION), ("DELETE", SESSION), ("GET", SESSION), ("POST", HEARTBEAT), ("POST", DAILY_LOGS)];
        assert_eq!(kinds, BTreeSet::from(all));
        assert!(trace[2].is_reset());
    }

    #[test]
    fn late_punches_are_of_yesterday_and_every_punch_has_an_id_of_its_own() {
        let mut posted: Vec<Value> = vec![];
        for request in trace(3, false) {
            posted.extend(request.punches().filter(|punch| !posted.contains(punch)).cloned().collect::<Vec<_>>());
        }
        let ids: BTreeSet<&str> = posted.iter().map(|punch| punch["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), posted.len());
        let today = NOW_MS / DAY_MS;
        let day = |punch: &Value| punch["timestamp"].as_u64().unwrap() / DAY_MS;
        assert!(posted.iter().any(|punch| day(punch) == today));
        assert!(posted.iter().any(|punch| day(punch) == today - 1));
        assert!(posted.iter().all(|punch| day(punch) >= today - 1));
    }

    #[test]
    fn a_stale_page_posts_again_what_it_knows() {
        let mut page = Page::new(&profile(5, false));
        let first = page.next(NOW_MS);
        page.done(&first, &json!({ "data": { "entries": [] } }));
        let second = page.next(NOW_MS + 1);
        assert_eq!((first.punches().count(), second.punches().count()), (1, 2));
        assert_eq!(second.punches().next(), first.punches().next());
    }

    fn trace(seed: u64, adopts: bool) -> Vec<PageRequest> {
        let mut page = Page::new(&profile(seed, adopts));
        let mut trace = vec![];
        for nth in 0..200 {
            let request = page.next(NOW_MS + nth);
            let status = if nth % 2 == 0 { "IN" } else { "OUT" };
            page.done(&request, &json!({ "data": { "entries": [], "currentStatus": status } }));
            trace.push(request);
        }
        trace
    }

    fn profile(seed: u64, adopts: bool) -> DeviceProfile {
        DeviceProfile {
            client: "punch1-0".to_owned(),
            person: "punch1".to_owned(),
            place: (0, 2),
            node: 0,
            pace: Duration::ZERO,
            adopts,
            resets: true,
            is_live: false,
            seed,
        }
    }
}
