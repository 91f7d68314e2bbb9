//! Reading and changing a person's days.

use std::sync::Arc;

use access::Identity;
use engine::{Effect, ExecuteError, Outcome, Request};
use timers::calendar::{LocalDate, Zone};
use timers::punch_clock::{
    Profile, Punch, PunchClockCommand, PunchClockRefusal, PunchDay, Save, SavedLog, ThemeChoice,
};
use timers::{Board, Item, Refusal, RequiredRows, Scope, StoredRows, Timestamp};
use wire::punch_clock::Person;

use crate::node::{Node, Panicked};
use crate::systems::punch_clock::{known_zone, remember_zone};

/// Most times that a command is decided again, since the zone or the day has changed meanwhile.
const ATTEMPTS_MAX: usize = 4;

/// Why a request is not carried out.
pub(super) enum Failed {
    /// The store was unavailable for as long as a command lives.
    Unavailable,
    /// Stored data is damaged.
    Damaged,
}

/// One person, as a request sees them.
pub(super) struct Worker {
    pub(super) node: Arc<Node>,
    pub(super) scope: Scope,
    pub(super) profile: Profile,
}

/// A day that was read or changed.
pub(super) struct LoadedDay {
    pub(super) day: Option<PunchDay>,
    pub(super) active_at: Option<Timestamp>,
}

/// What a page posts.
#[derive(Clone, Default)]
pub(super) struct Posted {
    pub(super) punches: Vec<Punch>,
    pub(super) theme: Option<ThemeChoice>,
    pub(super) log: Option<SavedLog>,
}

impl Worker {
    pub(super) fn new(node: &Arc<Node>, identity: &Identity) -> Self {
        let profile = identity.profile.as_deref();
        let profile = profile.map(|profile| Profile { name: profile.name.clone(), email: profile.email.clone() });
        Self { node: Arc::clone(node), scope: Scope::work_day(&identity.user), profile: profile.unwrap_or_default() }
    }

    /// Returns the date of now; an instant of 1970 while the node does not know the time.
    pub(super) fn now(&self) -> Timestamp {
        self.node.engine.clock().date().unwrap_or_default()
    }

    /// Returns whose day a document shows.
    pub(super) fn person(&self, active_at: Option<Timestamp>) -> Person<'_> {
        Person { id: self.scope.id(), profile: self.profile.clone(), active_at }
    }

    /// Reads the day as it is stored. Waits for an unavailable store as long as a command lives.
    pub(super) async fn read(&self) -> Result<LoadedDay, Failed> {
        let (board, _, active_at) = self.load(&RequiredRows::default()).await?;
        let day = board.get::<PunchDay>(&()).cloned();
        if let Some(day) = &day {
            remember_zone(&self.scope, day.zone.name());
        }
        Ok(LoadedDay { day, active_at })
    }

    /// Reads the board with rows of the history; waits like [`Worker::read`].
    pub(super) async fn load(&self, required: &RequiredRows) -> Result<(Board, StoredRows, Option<Timestamp>), Failed> {
        self.node.read(&self.scope, required).await.map_err(|error| {
            if error.is_damage() {
                return Failed::Damaged;
            }
            tracing::debug!(%error, "a person's day cannot be read");
            Failed::Unavailable
        })
    }

    /// Returns the person's zone with its offsets from the day of an instant on.
    async fn zone(&self, from: Timestamp) -> Result<Zone, Failed> {
        let name = match known_zone(&self.scope) {
            Some(name) => name,
            None => self.read().await?.day.map_or_else(|| "UTC".to_owned(), |day| day.zone.name().to_owned()),
        };
        let now = self.now();
        // A zone that a newer database knows keeps the offsets that are stored.
        let zone = wire::zone(&name, from.min(now), now);
        match zone {
            Some(zone) => Ok(zone),
            None => Ok(self.read().await?.day.map_or_else(Zone::utc, |day| day.zone)),
        }
    }

    /// Unites what a page posts with what is stored. Returns the day after it.
    pub(super) async fn save(&self, posted: &Posted) -> Result<LoadedDay, Failed> {
        let earliest = posted.punches.iter().map(|punch| punch.at).min().unwrap_or(Timestamp(u64::MAX));
        let make = |zone: &Zone, now: Timestamp| {
            let date = zone.date_at(now);
            let floor = date.days_before(self.days_back());
            let saved = posted.log.as_ref().map_or(date, |log| log.date);
            let from = zone.date_at(earliest.min(now)).min(saved).max(floor);
            PunchClockCommand::Save(Save {
                zone: zone.clone(),
                from,
                date,
                punches: posted.punches.clone(),
                theme: posted.theme.clone(),
                log: posted.log.clone(),
                profile: self.profile.clone(),
            })
        };
        self.change(earliest, make).await
    }

    /// How many days back a command reads: one more than a punch can be dated.
    fn days_back(&self) -> i64 {
        self.node.settings.rules.punch_clock.days_back + 1
    }

    pub(super) async fn reset(&self) -> Result<(), Failed> {
        self.change(Timestamp(u64::MAX), |zone, _| PunchClockCommand::Reset(zone.clone())).await.map(drop)
    }

    /// Moves the person to another zone.
    pub(super) async fn set_zone(&self, name: &str) -> Result<(), Failed> {
        let make = |zone: &Zone, now: Timestamp| {
            let target = wire::zone(name, now, now).unwrap_or_else(Zone::utc);
            let dates: [LocalDate; 2] = [zone.date_at(now), target.date_at(now)];
            let from = dates[0].min(dates[1]).days_before(2);
            PunchClockCommand::SetZone(target, from, dates[1])
        };
        self.change(Timestamp(u64::MAX), make).await?;
        remember_zone(&self.scope, name);
        Ok(())
    }

    /// Carries out a command that depends on the person's zone and on the date.
    async fn change(
        &self,
        from: Timestamp,
        make: impl Fn(&Zone, Timestamp) -> PunchClockCommand,
    ) -> Result<LoadedDay, Failed> {
        for _ in 0..ATTEMPTS_MAX {
            let zone = self.zone(from).await?;
            let command = make(&zone, self.now());
            match self.execute(command).await {
                Ok(Outcome { effect: Effect::Change(change), .. }) => {
                    let day = change.put.values().find_map(|item| Item::get::<PunchDay>(item)).cloned();
                    if let Some(day) = day {
                        remember_zone(&self.scope, day.zone.name());
                        return Ok(LoadedDay { day: Some(day), active_at: None });
                    }
                    return self.read().await;
                }
                Ok(Outcome { effect: Effect::Nothing | Effect::Repeated, .. }) => {
                    return self.read().await;
                }
                Err(ExecuteError::Refused(Refusal::PunchClock(
                    PunchClockRefusal::ZoneChanged | PunchClockRefusal::DayChanged,
                ))) => {
                    self.read().await?;
                }
                Err(failed) if failed.is_damage() => return Err(Failed::Damaged),
                Err(ExecuteError::Refused(refusal)) => {
                    tracing::error!(%refusal, "a person's day cannot be changed");
                    return Err(Failed::Damaged);
                }
                Err(failed) => {
                    tracing::debug!(%failed, "a person's day cannot be changed");
                    return Err(Failed::Unavailable);
                }
            }
        }
        Err(Failed::Unavailable)
    }

    async fn execute(&self, command: PunchClockCommand) -> Result<Outcome, ExecuteError> {
        let request = Request { scope: self.scope.clone(), command: command.into(), id: None };
        let done = self.node.execute_detached(request).await;
        done.unwrap_or_else(|Panicked| Err(ExecuteError::OutcomeUnknown))
    }
}
