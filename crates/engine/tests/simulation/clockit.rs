//! Clockit: clients command stopwatches on several nodes while faults are injected.

pub(crate) mod client;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::{Effect, Request};
use timers::stopwatch::{Start, Stopwatch, StopwatchCommand as Ask};
use timers::{Board, Command, CommandId, Scope, SessionId, UserId};

use super::cluster::Served;
use super::network::Faults;
use client::Client;

const SCOPES: usize = 3;
const CLIENTS: usize = 9;
const SESSIONS: u32 = 6;

/// The sessions whose start was acknowledged.
type Started = Arc<Mutex<BTreeSet<(Scope, SessionId)>>>;

pub(crate) struct Clockit {
    served: Served<Client>,
    started: Started,
}

impl Clockit {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        let scopes = (0..CLIENTS).map(|nth| scope_of(nth % SCOPES));
        Self { served: Served::start(seed, faults, scopes), started: Started::default() }
    }

    /// Sends commands and injects faults for a while.
    pub(crate) async fn live(&mut self, span: Duration) {
        let started = Arc::clone(&self.started);
        let command = |served: &mut Served<Client>| Self::command(served, &started);
        self.served.live(span, command, || started.lock().unwrap().clear()).await;
    }

    /// Sends a random command from a random node, and records the effect that must last if it is acknowledged.
    fn command(served: &mut Served<Client>, started: &Started) {
        let (engine, tasks) = served.choose_node();
        let rng = &mut served.cluster.rng;
        let scope = scope_of(rng.usize(0..SCOPES));
        let session = SessionId::new(&format!("s{}", rng.u32(0..SESSIONS))).unwrap();
        let ask = match rng.u32(0..10) {
            0..=4 => Ask::Start(Start {
                session: Some(session.clone()),
                label: rng.u32(..).to_string(),
                goals: None,
                group_id: None,
                group_name: None,
                comment: None,
            }),
            5 => Ask::Stop(session.clone()),
            6 => Ask::Pause(session.clone()),
            _ => Ask::Resume(session.clone()),
        };
        let is_start = matches!(ask, Ask::Start(_));
        let id = rng.bool().then(|| CommandId(rng.u64(..)));
        let started = Arc::clone(started);
        // A store that lost its last seconds has lost the command's id too.
        let repeats = id.is_some() && rng.bool() && !served.cluster.faults.rollbacks;
        let command = async move {
            let request = Request { scope: scope.clone(), command: Command::Stopwatch(ask), id };
            let outcome = engine.execute(request.clone()).await;
            if outcome.is_ok() && is_start {
                started.lock().unwrap().insert((scope, session));
            }
            if let (Ok(first), true) = (outcome, repeats)
                && let (Effect::Change(_), Ok(again)) = (&first.effect, engine.execute(request).await)
            {
                assert!(
                    matches!(again.effect, Effect::Repeated),
                    "a command takes effect once: {first:?}, then {again:?}"
                );
                assert_eq!(again.revision, first.revision);
            }
        };
        served.spawn(&tasks, command);
    }

    pub(crate) async fn heal(&mut self) {
        self.served.heal().await;
    }

    pub(crate) fn clients_equal_the_store(&self) {
        let boards: Vec<Board> = (0..SCOPES).map(|nth| self.stored(&scope_of(nth))).collect();
        for client in self.served.clients() {
            let wanted = boards.iter().find(|board| board.scope == client.scope);
            assert_eq!(client.seen.lock().unwrap().board.as_ref(), wanted);
        }
    }

    pub(crate) fn what_was_acknowledged_is_there(&self) {
        let started = self.started.lock().unwrap();
        assert!(!started.is_empty(), "the run acknowledged something");
        for (scope, session) in started.iter() {
            assert!(self.stored(scope).get::<Stopwatch>(session).is_some(), "{scope} lost {session}");
        }
    }

    /// Each client was shown consecutive seconds, none of them twice.
    pub(crate) fn every_second_was_shown_once(&self) {
        let shown: usize = self.served.clients().map(Client::check_beats).sum();
        assert!(shown > 20, "the run shows seconds: {shown}");
    }

    fn stored(&self, scope: &Scope) -> Board {
        self.served.cluster.store.board(scope)
    }
}

fn scope_of(nth: usize) -> Scope {
    Scope::user(&UserId::new(&format!("user-{nth}")).unwrap())
}
