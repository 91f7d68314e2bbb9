//! From a command to its committed change.

use std::sync::Arc;
use std::time::Duration;

use timers::{Board, Change, Command, CommandId, DeadlineMove, Decision, ItemKey, Known, Scope, Timestamp, decide};
use tokio::time::{sleep, timeout};
use tracing::Instrument;
use tracing::field::Empty;

use crate::engine::Engine;
use crate::hub::JoinError;
use crate::outcome::{ExecuteError, Made, Outcome, Request, name_of};
use crate::store::{ArchivedRow, Commit, Committed, Fault, FaultKind, RECENT_ID_AGE_MAX, RecentId};
use crate::telemetry::SPAN_EVENT;
use crate::trace::TraceParent;
use crate::update::Update;

/// Most races a command loses before it is given back. Eight rivals in a row on one board within
/// [`COMMAND_LIFE`] means a herd, which backing off will not calm.
pub const ATTEMPTS: usize = 8;

/// How long a command lives in a node, waiting and all attempts included.
pub const COMMAND_LIFE: Duration = Duration::from_secs(5);

/// Longest pause after a lost race, doubled with each.
const RIVAL_PAUSE: Duration = Duration::from_millis(4);

/// Pause before asking a store again that is away or silent.
const STORE_PAUSE: Duration = Duration::from_millis(100);

/// Pause before it is asked again whether what was found done is safe: long enough for a life to end before
/// its [`ATTEMPTS`] do.
const CONFIRM_PAUSE: Duration = Duration::from_millis(800);

const _: () = assert!(CONFIRM_PAUSE.as_millis() * (ATTEMPTS as u128 - 1) > COMMAND_LIFE.as_millis());
const _: () = assert!(COMMAND_LIFE.as_millis() < RECENT_ID_AGE_MAX.0 as u128, "ids outlive the command");

/// A board to decide on.
struct Base {
    board: Arc<Board>,
    known: Known,
    /// Whether it was loaded for this very command: only then a no-op or a refusal counts.
    loaded: bool,
    recent: Vec<RecentId>,
    /// What was doubted about the view before it was loaded.
    doubts: u64,
}

/// What to do after an attempt.
enum Step {
    Finish(Outcome),
    /// Decide again, on this board or on a loaded one.
    Again(Option<Base>),
    /// A rival came first: decide again on a loaded board, after a pause.
    Rival,
}

impl Engine {
    /// Carries out one command.
    ///
    /// Costs two round trips to the store, one from a current view, and two more for each rival write.
    /// Waits in the scope's lane and for an absent store, [`COMMAND_LIFE`] at most. Dropping the future
    /// while a commit is under way leaves its outcome unknown; spawn it.
    ///
    /// # Errors
    /// [`ExecuteError`].
    pub async fn execute(&self, request: Request) -> Result<Outcome, ExecuteError> {
        let origin = self.telemetry.here();
        let span = tracing::info_span!(
            "execute",
            tickcast.command = request.command.name(),
            tickcast.scope.kind = request.scope.kind(),
            tickcast.outcome = Empty,
            otel.status_code = Empty,
        );
        let executed = self.execute_traced(request, origin).instrument(span.clone()).await;
        span.record("tickcast.outcome", name_of(&executed));
        if executed.as_ref().is_err_and(ExecuteError::is_failure) {
            span.record("otel.status_code", "ERROR");
        }
        executed
    }

    async fn execute_traced(&self, request: Request, origin: Option<TraceParent>) -> Result<Outcome, ExecuteError> {
        let patient = !matches!(request.command, Command::Settle);
        let mut life = Life { born: self.clock.elapsed(), patient, origin, fault: None, unconfirmed: false };
        let place = self.lanes.enter(&request.scope).map_err(|_| ExecuteError::Busy)?;
        let Ok(_turn) = timeout(COMMAND_LIFE, place.turn()).await else {
            return Err(self.spent(&mut life));
        };
        let id = request.id.unwrap_or_else(|| self.entropy.command_id());
        let mut base = self.base_of_view(&request);
        for attempt in 0..ATTEMPTS {
            let ready = match base.take() {
                Some(base) => base,
                None => self.load_base(&request, &mut life).await?,
            };
            match self.attempt(&request, id, ready, &mut life).await? {
                Step::Finish(outcome) => return Ok(outcome),
                Step::Again(next) => base = next,
                Step::Rival => {
                    retry("rival");
                    sleep(self.entropy.up_to(RIVAL_PAUSE * (2 << attempt))).await;
                }
            }
        }
        Err(ExecuteError::Busy)
    }

    fn base_of_view(&self, request: &Request) -> Option<Base> {
        if matches!(request.command, Command::Settle) || !request.command.asks_about().is_empty() {
            return None;
        }
        let view = self.hub.current(&request.scope)?;
        Some(Base {
            board: Arc::clone(&view.board),
            known: Known::default(),
            loaded: false,
            recent: Vec::new(),
            doubts: 0,
        })
    }

    /// Loads the board, waiting for an absent store as long as the command lives.
    async fn load_base(&self, request: &Request, life: &mut Life) -> Result<Base, ExecuteError> {
        let ask = request.command.asks_about();
        loop {
            let doubts = self.hub.doubts(&request.scope);
            match self.hub.load(&request.scope, &ask).await {
                Ok((board, known, recent)) => {
                    return Ok(Base { board: Arc::new(board), known, loaded: true, recent, doubts });
                }
                Err(JoinError::Damaged(error)) => return Err(error.into()),
                Err(JoinError::Store(fault)) => {
                    if fault.kind() == FaultKind::Damaged || self.gives_up(life) {
                        return Err(ExecuteError::Unavailable(fault));
                    }
                    self.note_store_retry(&fault);
                    life.fault = Some(fault);
                }
            }
            sleep(STORE_PAUSE).await;
        }
    }

    async fn attempt(
        &self,
        request: &Request,
        id: CommandId,
        base: Base,
        life: &mut Life,
    ) -> Result<Step, ExecuteError> {
        let Some(now) = self.clock.now() else { return Ok(Step::Again(None)) };
        // A node that was stopped for longer than ids are remembered must not decide again.
        if self.is_spent(life) {
            return Err(self.spent(life));
        }
        // What was done before is neither refused nor found to be so already.
        if let Some(done) = base.recent.iter().find(|done| done.id == id && now.since(done.at) < RECENT_ID_AGE_MAX) {
            let made = Outcome { revision: done.made, id, made: Made::Repeated };
            let step = self.found_done(&base, made, life).await;
            if matches!(step, Step::Finish(_)) {
                self.stats.repeated.add_one();
            }
            return Ok(step);
        }
        let change = match decide(&base.board, &base.known, &request.command, id, now, &self.limits) {
            Ok(Decision::Change(change)) => change,
            Ok(Decision::Nothing) if base.loaded => {
                let nothing = Outcome { revision: base.board.position.revision, id, made: Made::Nothing };
                return Ok(self.found_done(&base, nothing, life).await);
            }
            Err(refusal) if base.loaded => return Err(refusal.into()),
            Ok(Decision::Nothing) | Err(_) => return Ok(Step::Again(None)),
        };
        let update = Update::of(&base.board, &change, self.entropy.tag(), request.by.clone(), now);
        let update = Update { trace: life.origin, ..update };
        let commit = Commit { fades: base.board.fades_by(&change), ..commit_of(&update, &change, id, now) };
        let committed = self.commit(&commit, life).await?;
        match committed {
            (Committed::Done(revision, _), _) => {
                self.stats.commits.add_one();
                if let DeadlineMove::Set(at) = change.deadline {
                    self.firing.set(&commit.scope, at, now);
                }
                let after = Arc::new(base.board.after(&change, update.position));
                self.hub.committed(&after, &update);
                Ok(Step::Finish(Outcome { revision, id, made: Made::Change(Arc::new(change)) }))
            }
            // Our own commit whose answer was lost: the board may have moved on since, so it is loaded.
            (Committed::Repeated(revision, _), Sent::Again) if revision == update.position.revision => {
                self.stats.commits.add_one();
                self.show_stored(&commit.scope, life).await;
                Ok(Step::Finish(Outcome { revision, id, made: Made::Change(Arc::new(change)) }))
            }
            (Committed::Repeated(revision, _), _) => {
                self.stats.repeated.add_one();
                self.show_stored(&commit.scope, life).await;
                Ok(Step::Finish(Outcome { revision, id, made: Made::Repeated }))
            }
            (Committed::Conflict(_), _) => {
                self.stats.conflicts.add_one();
                Ok(Step::Rival)
            }
            (Committed::Late(_), _) => {
                self.stats.late.add_one();
                retry("late");
                Ok(Step::Again(None))
            }
            (Committed::Stale(_), _) => {
                self.stats.stale.add_one();
                retry("stale");
                Ok(Step::Again(Some(base)))
            }
        }
    }

    /// Sends a commit until it is answered, always the very same: its id makes that safe.
    async fn commit(&self, commit: &Commit, life: &mut Life) -> Result<(Committed, Sent), ExecuteError> {
        let mut sent = Sent::Once;
        loop {
            match self.store.commit(commit).await {
                Ok(committed) => {
                    self.clock.observe(committed.now());
                    return Ok((committed, sent));
                }
                Err(fault) if fault.kind() == FaultKind::Damaged => {
                    self.hub.note_fault(&fault);
                    return Err(self.give_up(commit, sent, fault));
                }
                Err(fault) => {
                    if fault.kind() == FaultKind::Unknown {
                        sent = Sent::Again;
                    }
                    if self.gives_up(life) {
                        return Err(self.give_up(commit, sent, fault));
                    }
                    self.note_store_retry(&fault);
                    life.fault = Some(fault);
                }
            }
            sleep(STORE_PAUSE).await;
        }
    }

    /// Ends a command that found its work done on `base`, once that is as safe as if it had done it itself.
    /// If it can't be said, another server may have taken over, and what was found must be found again.
    async fn found_done(&self, base: &Base, outcome: Outcome, life: &mut Life) -> Step {
        match self.store.confirm(&base.board.scope, base.board.position.tag).await {
            Ok(true) => {
                if !self.hub.glimpse(&base.board, base.doubts) {
                    self.show_stored(&base.board.scope, life).await;
                }
                Step::Finish(outcome)
            }
            Ok(false) => Step::Rival,
            Err(fault) => {
                self.note_store_retry(&fault);
                life.unconfirmed = true;
                life.fault = Some(fault);
                sleep(CONFIRM_PAUSE).await;
                Step::Again(None)
            }
        }
    }

    /// Shows those who listen here what is stored, before the one who asked is told that it is done.
    async fn show_stored(&self, scope: &Scope, life: &Life) {
        self.hub.distrust(scope);
        while !matches!(self.hub.show_stored(scope).await, Ok(true)) {
            if self.is_spent(life) {
                tracing::debug!(%scope, "what was done can't be shown yet");
                return;
            }
            sleep(STORE_PAUSE).await;
        }
    }

    fn note_store_retry(&self, fault: &Fault) {
        self.stats.store_retries.add_one();
        retry(match fault.kind() {
            FaultKind::Unavailable => "unavailable",
            FaultKind::Unknown => "silent",
            FaultKind::Damaged => "damaged",
        });
    }

    fn unknown(&self, scope: &Scope) -> ExecuteError {
        self.stats.unknown_outcomes.add_one();
        self.hub.distrust(scope);
        ExecuteError::OutcomeUnknown
    }

    fn give_up(&self, commit: &Commit, sent: Sent, fault: Fault) -> ExecuteError {
        match sent {
            Sent::Once => ExecuteError::Unavailable(fault),
            Sent::Again => self.unknown(&commit.scope),
        }
    }

    /// Why a command's life went by without an outcome: a store that could not be used, or too many rivals.
    fn spent(&self, life: &mut Life) -> ExecuteError {
        if life.unconfirmed {
            self.stats.unknown_outcomes.add_one();
            return ExecuteError::OutcomeUnknown;
        }
        let away = |why| Fault::new(FaultKind::Unavailable, why);
        let fault = life.fault.take().or_else(|| self.store.ready().err().map(away));
        fault.map_or(ExecuteError::Busy, ExecuteError::Unavailable)
    }

    /// Whether a fault of the store is the end of it.
    fn gives_up(&self, life: &Life) -> bool {
        !life.patient || self.is_spent(life)
    }

    fn is_spent(&self, life: &Life) -> bool {
        self.clock.elapsed().saturating_sub(life.born) > COMMAND_LIFE
    }
}

/// Has the span say that a command is tried again, and why.
fn retry(cause: &'static str) {
    tracing::info!(name: "retry", target: SPAN_EVENT, cause);
}

/// A command's life in this node.
struct Life {
    born: Duration,
    /// The span that asked for it, if it is recorded.
    origin: Option<TraceParent>,
    /// Whether it waits for an absent store. What happens by itself is found again by the next look.
    patient: bool,
    /// It found its work done, and nobody could say that this is safe.
    unconfirmed: bool,
    /// What the store last failed with.
    fault: Option<Fault>,
}

/// Whether the store may have seen the commit before.
#[derive(Clone, Copy)]
enum Sent {
    Once,
    Again,
}

fn commit_of(update: &Update, change: &Change, id: CommandId, decided_at: Timestamp) -> Commit {
    let put: Vec<(ItemKey, bytes::Bytes)> =
        change.put.iter().map(|(key, item)| (key.clone(), item.encode().into())).collect();
    let archive = change.archive.iter().map(|row| ArchivedRow {
        id: row.id.clone(),
        at: row.at,
        body: bytes::Bytes::copy_from_slice(row.body.as_str().as_bytes()),
    });
    Commit {
        scope: update.scope.clone(),
        expected: update.prev,
        id,
        decided_at,
        at: change.at,
        tag: update.position.tag,
        update: update.encode(&put),
        put,
        removed: change.removed.iter().cloned().collect(),
        archive: archive.collect(),
        deadline: change.deadline,
        fades: false,
    }
}
