//! Punch clock: pages of people post punches, old ones too, and reset days on several nodes, while midnight comes and faults
//! are injected.

mod model;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::store::Query;
use engine::{ExecuteError, Request};
use timers::calendar::{LocalDate, Zone};
use timers::punch_clock::{
    DayLog, Profile, Punch, PunchClockCommand, PunchClockRefusal, PunchDay, PunchId, PunchKind, Save,
};
use timers::{Board, Command, Millis, Refusal, Scope, Timestamp, UserId};

use super::clockit::client::Client;
use super::cluster::Served;
use super::network::Faults;
use model::{Model, Places};

const PEOPLE: usize = 3;
const DEVICES: usize = 6;

/// Punches that an old document has at most.
const POSTED_AGAIN: usize = 12;

/// How long after the start of a run it is midnight, for all people but the first.
const MIDNIGHT_AFTER_SECONDS: i32 = 12;

const DAY_SECONDS: i32 = 86_400;

/// What a run exercises.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PunchCoverage {
    pub(crate) punches: usize,
    /// Punches that were certainly deleted.
    pub(crate) deleted: usize,
    pub(crate) archived_days: usize,
}

pub(crate) struct PunchClock {
    served: Served<Client>,
    /// What was posted and acknowledged, by person.
    models: Arc<Vec<Mutex<Model>>>,
}

impl PunchClock {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        let scopes = (0..DEVICES).map(|nth| scope_of(nth % PEOPLE));
        let served = Served::start(seed, faults, scopes);
        let zones = (0..PEOPLE).map(|nth| zone_of(nth, served.cluster.clock.now()));
        let models = Arc::new(zones.map(|zone| Mutex::new(Model::new(zone))).collect());
        Self { served, models }
    }

    /// Sends commands and injects faults for a while.
    pub(crate) async fn live(&mut self, span: Duration) {
        let models = Arc::clone(&self.models);
        self.served.live(span, |served| Self::command(served, &models), || ()).await;
    }

    /// Sends the request of a page from a random node.
    fn command(served: &mut Served<Client>, models: &Arc<Vec<Mutex<Model>>>) {
        let (engine, tasks) = served.choose_node();
        let now = engine.clock().date().unwrap_or_else(|| served.cluster.clock.now());
        let clock = served.cluster.clock;
        let rng = &mut served.cluster.rng;
        let person = rng.usize(0..PEOPLE);
        let scope = scope_of(person);
        let (command, attempt) = request(&mut models[person].lock().unwrap(), rng, now, clock.now());
        let models = Arc::clone(models);
        let execution = async move {
            let request = Request { scope, command: Command::PunchClock(command), id: None };
            match engine.execute(request).await {
                Ok(_) => models[person].lock().unwrap().acknowledge(attempt, clock.now()),
                // The day or the zone was another one, so the caller would decide again.
                Err(ExecuteError::Refused(Refusal::PunchClock(
                    PunchClockRefusal::ZoneChanged | PunchClockRefusal::DayChanged,
                ))) => models[person].lock().unwrap().refuse(attempt),
                Err(ExecuteError::Refused(refusal)) => panic!("a command was refused: {refusal}"),
                // The outcome is not known, or nothing was done.
                Err(_) => {}
            }
        };
        served.spawn(&tasks, execution);
    }

    pub(crate) async fn heal(&mut self) {
        self.served.heal().await;
    }

    pub(crate) fn clients_equal_the_store(&self) {
        for client in self.served.clients() {
            let stored = self.stored(&client.scope);
            assert_eq!(client.seen.lock().unwrap().board.as_ref(), Some(&stored));
        }
    }

    /// Each punch that was acknowledged is on its day once, and none that was deleted is.
    pub(crate) async fn punches_are_those_that_were_acknowledged(&self) -> PunchCoverage {
        let mut coverage = PunchCoverage::default();
        for (nth, model) in self.models.iter().enumerate() {
            let scope = scope_of(nth);
            let board = self.stored(&scope);
            let page = self.served.nodes[0].engine.store().history(&scope, &Query::newest(1000)).await.unwrap();
            let read = |body: &[u8]| DayLog::decode(std::str::from_utf8(body).unwrap()).unwrap();
            let logs: Vec<DayLog> = page.rows.iter().map(|row| read(&row.body)).collect();
            let model = model.lock().unwrap();
            let places = places(board.get::<PunchDay>(&()), &logs, &model.zone);
            coverage.punches += places.len();
            coverage.deleted += model.check(&places);
            // Besides the day before the run, which has late punches.
            coverage.archived_days += logs.len().saturating_sub(1);
        }
        coverage
    }

    /// Each client was shown consecutive seconds, none of them twice; returns their number.
    pub(crate) fn every_second_was_shown_once(&self) -> usize {
        self.served.clients().map(Client::check_beats).sum()
    }

    fn stored(&self, scope: &Scope) -> Board {
        self.served.cluster.store.board(scope)
    }
}

/// Makes the request of a page that takes `now` for the date, and records that it is sent; returns its number.
fn request(model: &mut Model, rng: &mut fastrand::Rng, now: Timestamp, sent: Timestamp) -> (PunchClockCommand, usize) {
    let zone = model.zone.clone();
    let today = zone.date_at(now);
    if !model.has_zone {
        let from = today.min(Zone::utc().date_at(now)).days_before(2);
        return (PunchClockCommand::SetZone(zone, from, today), model.set_zone(sent));
    }
    let choice = rng.u32(0..12);
    if choice == 0 {
        return (PunchClockCommand::Reset(zone), model.reset(sent));
    }
    let kind = if rng.bool() { PunchKind::In } else { PunchKind::Out };
    let late = zone.start_of(today) - Millis::from_minutes(rng.u64(60..1200));
    let mut punches = model.known(rng, POSTED_AGAIN);
    match choice {
        1..=5 => punches.push(model.new_punch(now, kind, false)),
        6 | 7 => punches.push(model.new_punch(late, kind, true)),
        // An old document alone.
        _ => {}
    }
    let attempt = model.post(&punches, sent);
    (save(zone, today, punches), attempt)
}

/// Returns the day of each punch; panics if one is on two days, or on a day that is not its own.
fn places(day: Option<&PunchDay>, logs: &[DayLog], zone: &Zone) -> Places {
    let mut places = BTreeMap::new();
    let days = logs.iter().map(|log| (log.date, &log.punches)).chain(day.map(|day| (day.date, &day.punches)));
    for (date, punches) in days {
        for punch in punches {
            assert_eq!(zone.date_at(punch.at), date, "{punch:?} is on its day");
            let other = places.insert(punch.id.clone(), date);
            assert!(other.is_none(), "{punch:?} is on {date} and on {other:?}");
        }
    }
    let carried = day.and_then(|day| day.carried.as_ref());
    assert!(carried.is_none_or(|punch| places.contains_key(&punch.id)), "{carried:?} is archived");
    places
}

fn save(zone: Zone, date: LocalDate, punches: Vec<Punch>) -> PunchClockCommand {
    let from = punches.iter().map(|punch| zone.date_at(punch.at)).min().unwrap_or(date).min(date);
    PunchClockCommand::Save(Save { zone, from, date, punches, theme: None, log: None, profile: Profile::default() })
}

/// Returns the zone of a person: UTC for the first one, else one in which it is soon midnight.
fn zone_of(person: usize, now: Timestamp) -> Zone {
    if person == 0 {
        return Zone::utc();
    }
    let seconds = i32::try_from(now.0 / 1000 % 86_400).unwrap();
    Zone::new("Test/Midnight", vec![(Timestamp(0), DAY_SECONDS - MIDNIGHT_AFTER_SECONDS - seconds)]).unwrap()
}

fn scope_of(nth: usize) -> Scope {
    Scope::work_day(&UserId::new(&format!("user-{nth}")).unwrap())
}

/// Returns the id of the nth punch of a person.
fn punch_id(nth: u64) -> PunchId {
    PunchId::new(&nth.into()).unwrap()
}
