//! From a command to its committed change.

mod command_budget;
mod decision_input;
mod submission;

use std::sync::Arc;
use std::time::Duration;

use timers::{Change, Command, CommandId, DeadlineMove, Decision, Refusal, Scope, Timestamp, decide};
use tokio::time::{sleep, timeout};
use tracing::Instrument;
use tracing::field::Empty;

use crate::engine::Engine;
use crate::execute::command_budget::CommandBudget;
use crate::execute::decision_input::DecisionInput;
use crate::execute::submission::{Submitted, commit_of};
use crate::outcome::{Effect, ExecuteError, Outcome, Request, name_of};
use crate::store::{Commit, Committed, FaultKind, RECENT_ID_AGE_MAX};
use crate::telemetry::SPAN_EVENT;
use crate::trace::TraceParent;
use crate::update::Update;

/// Most attempts of a command. Eight lost races in a row on one board within [`COMMAND_TIMEOUT`] mean a crowd of
/// writers, which backing off does not calm.
pub const ATTEMPTS_MAX: usize = 8;

/// The longest time that a command takes in a node, its wait in the queue and all attempts included.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest pause after the first lost race; it doubles with each.
const RIVAL_PAUSE: Duration = Duration::from_millis(4);

/// Pause before a request to an unavailable or silent store is repeated.
const STORE_PAUSE: Duration = Duration::from_millis(100);

/// Pause after a commit that was refused as late. All attempts together outlast a beat: the clock of the store may have been
/// set forward, of which only the next beat tells.
const LATE_PAUSE: Duration = Duration::from_millis(200);

/// Pause before another request to confirm that a command was found done. It is long enough for [`COMMAND_TIMEOUT`] to
/// pass before [`ATTEMPTS_MAX`] attempts.
const CONFIRM_PAUSE: Duration = Duration::from_millis(800);

const _: () = assert!(CONFIRM_PAUSE.as_millis() * (ATTEMPTS_MAX as u128 - 1) > COMMAND_TIMEOUT.as_millis());
const _: () = assert!(COMMAND_TIMEOUT.as_millis() < RECENT_ID_AGE_MAX.0 as u128, "ids outlive the command");

/// What follows an attempt.
enum Step {
    Finish(Outcome),
    /// Decide again, on this input or on a loaded board.
    Again(Option<DecisionInput>),
    /// A part of what is due is committed, or the time is not known yet: decide again on a loaded board.
    Continue,
    /// A rival committed first: decide again on a loaded board, after a pause.
    Rival,
}

/// A decided change.
struct Decided {
    change: Change,
    /// The change carries out only a part of what is due, and the command itself not yet.
    is_partial: bool,
    /// The change carries out what is due, and nothing that a client asks.
    is_settling: bool,
    /// The instant of the decision.
    at: Timestamp,
}

impl Engine {
    /// Executes one command.
    ///
    /// Costs two round trips to the store, one from a current view, and two more for each lost race. Waits in the
    /// scope's queue and for an unavailable store, [`COMMAND_TIMEOUT`] at most. Dropping the future during a commit
    /// leaves the outcome unknown; spawn it.
    ///
    /// # Errors
    /// [`ExecuteError`].
    pub async fn execute(&self, request: Request) -> Result<Outcome, ExecuteError> {
        let origin = self.telemetry.current_span();
        let span = tracing::info_span!(
            "execute",
            tickcast.command = request.command.name(),
            tickcast.scope.kind = request.scope.kind().label(),
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
        let waits_for_store = !matches!(request.command, Command::Settle);
        let begun = self.clock.elapsed();
        let mut budget = CommandBudget { begun, waits_for_store, origin, fault: None, is_unconfirmed: false };
        let ticket = self.queues.enter(&request.scope).map_err(|_| ExecuteError::Busy)?;
        let Ok(_turn) = timeout(COMMAND_TIMEOUT, ticket.acquire()).await else {
            return Err(self.expiry_error(&mut budget));
        };
        let id = request.id.unwrap_or_else(|| self.entropy.command_id());
        let mut next = self.input_from_view(&request);
        let mut attempt = 0;
        while attempt < ATTEMPTS_MAX {
            let input = match next.take() {
                Some(input) => input,
                None => self.load_input(&request, &mut budget).await?,
            };
            match self.attempt(&request, id, input, &mut budget).await? {
                Step::Finish(outcome) => return Ok(outcome),
                // No race was lost, and each attempt checks the budget.
                Step::Continue => continue,
                Step::Again(input) => next = input,
                Step::Rival => {
                    retry("rival");
                    sleep(self.entropy.up_to(RIVAL_PAUSE * (2 << attempt))).await;
                }
            }
            attempt += 1;
        }
        Err(ExecuteError::Busy)
    }

    /// Decides the command once, and commits the change.
    async fn attempt(
        &self,
        request: &Request,
        id: CommandId,
        input: DecisionInput,
        budget: &mut CommandBudget,
    ) -> Result<Step, ExecuteError> {
        // A node that was stopped for longer than ids are remembered must not decide again.
        if self.is_expired(budget) {
            return Err(self.expiry_error(budget));
        }
        let Some(time) = self.clock.cluster_time() else {
            // The first beat is on its way, and no race was lost.
            sleep(STORE_PAUSE).await;
            return Ok(Step::Continue);
        };
        let now = time.now;
        // A repeated command returns its first outcome; it is neither refused nor a no-op.
        let repeated = input.recent.iter().find(|recent| recent.id == id && now.since(recent.at) < RECENT_ID_AGE_MAX);
        if let Some(recent) = repeated {
            let outcome = Outcome { revision: recent.revision, id, effect: Effect::Repeated };
            let step = self.confirm(&input, outcome, budget).await?;
            if matches!(step, Step::Finish(_)) {
                self.stats.repeated.add_one();
            }
            return Ok(step);
        }
        let decision = decide(&input.board, &input.rows, &request.command, id, time, &self.limits);
        let (change, is_partial) = match decision {
            Ok(Decision::Change(change)) => (change, false),
            Ok(Decision::Partial(change)) => (change, true),
            Ok(Decision::Nothing) if input.is_loaded => {
                let nothing = Outcome { revision: input.board.position.revision, id, effect: Effect::Nothing };
                return self.confirm(&input, nothing, budget).await;
            }
            Err(refusal) if input.is_loaded => return Err(refusal.into()),
            Ok(Decision::Nothing) | Err(_) => return Ok(Step::Again(None)),
        };
        let is_settling = is_partial || matches!(request.command, Command::Settle);
        self.commit(id, input, Decided { change, is_partial, is_settling, at: now }, budget).await
    }

    async fn commit(
        &self,
        id: CommandId,
        input: DecisionInput,
        decided: Decided,
        budget: &mut CommandBudget,
    ) -> Result<Step, ExecuteError> {
        let Decided { change, is_partial, is_settling, at } = decided;
        // The part does not carry the command out, so its commit must not mark the command as done.
        let commit_id = if is_partial { self.entropy.command_id() } else { id };
        let update = Update::of(&input.board, &change, self.entropy.tag(), at);
        let update = Update { trace: budget.origin, ..update };
        let commit = commit_of(&update, &change, commit_id, at);
        let commit = Commit {
            expiry: self.retention.expiry(&input.board, &change, is_settling),
            quota: self.retention.quota(&input.board.scope, is_settling),
            ..commit
        };
        let Submitted { committed, is_resent } = self.submit(&commit, budget).await?;
        let finish = |revision, effect| Step::Finish(Outcome { revision, id, effect });
        Ok(match committed {
            Committed::Done(revision, _) => {
                self.stats.commits.add_one();
                let after = Arc::new(input.board.after(&change, update.position));
                if !self.hub.apply_commit(&after, &update, input.mark) {
                    self.show_stored(&commit.scope, budget).await;
                }
                if is_partial {
                    return Ok(Step::Continue);
                }
                if let DeadlineMove::Set(deadline) = change.deadline {
                    self.deadline_runner.time_if_near(&commit.scope, deadline, at);
                }
                finish(revision, Effect::Change(Arc::new(change)))
            }
            // The commit of this attempt, whose first answer was lost. The board may have changed since: it is loaded.
            Committed::Repeated(revision, _) if is_resent && revision == update.position.revision => {
                self.stats.commits.add_one();
                if is_partial {
                    return Ok(Step::Continue);
                }
                self.show_stored(&commit.scope, budget).await;
                finish(revision, Effect::Change(Arc::new(change)))
            }
            Committed::Repeated(revision, _) => {
                if is_partial {
                    return Ok(Step::Again(None));
                }
                self.stats.repeated.add_one();
                self.show_stored(&commit.scope, budget).await;
                finish(revision, Effect::Repeated)
            }
            Committed::Conflict(_) => {
                self.stats.conflicts.add_one();
                Step::Rival
            }
            Committed::Late(_) => {
                self.stats.late.add_one();
                retry("late");
                sleep(LATE_PAUSE).await;
                Step::Again(None)
            }
            Committed::HistoryFull(bound, _) => return Err(Refusal::HistoryFull(bound).into()),
            Committed::Stale(_) => {
                self.stats.stale.add_one();
                retry("stale");
                Step::Again(Some(input))
            }
        })
    }

    /// Finishes a command that was found done on `input`, once that is as safe as a commit of its own. If the board has
    /// changed, another server may have taken over, and the command is decided again.
    async fn confirm(
        &self,
        input: &DecisionInput,
        outcome: Outcome,
        budget: &mut CommandBudget,
    ) -> Result<Step, ExecuteError> {
        Ok(match self.store.confirm(&input.board.scope, input.board.position.tag).await {
            Ok(true) => {
                if !self.hub.offer_snapshot(&input.board, input.mark) {
                    self.show_stored(&input.board.scope, budget).await;
                }
                Step::Finish(outcome)
            }
            Ok(false) => Step::Rival,
            Err(fault) if fault.kind() == FaultKind::Damaged => {
                self.hub.report_if_damaged(&input.board.scope, &fault);
                return Err(ExecuteError::Unavailable(fault));
            }
            Err(fault) => {
                self.note_retry(budget, fault);
                budget.is_unconfirmed = true;
                sleep(CONFIRM_PAUSE).await;
                Step::Again(None)
            }
        })
    }

    /// Shows the listeners on this node what is stored, before the command is answered.
    async fn show_stored(&self, scope: &Scope, budget: &CommandBudget) {
        self.hub.invalidate(scope);
        while !matches!(self.hub.show_stored(scope).await, Ok(true)) {
            if self.is_expired(budget) {
                tracing::debug!(%scope, "a command is answered before its change can be shown");
                return;
            }
            sleep(STORE_PAUSE).await;
        }
    }
}

/// Records in the span that a command is tried again, and why.
fn retry(cause: &'static str) {
    tracing::info!(name: "retry", target: SPAN_EVENT, cause);
}
