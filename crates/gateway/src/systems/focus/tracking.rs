//! What a socket does to the session that it tracks. Each of these runs in a task of its own.

use std::sync::Arc;
use std::time::Duration;

use engine::{ExecuteError, MembershipGuard, Outcome};
use timers::focus::{FocusCommand, FocusId, FocusRefusal, Spans, Tracker};
use timers::{ConnectionId, Refusal, Timestamp};
use tokio::time::{Instant, timeout};
use wire::focus::INVALID_SESSION;
use wire::{Code, Fault};

use crate::node::Node;
use crate::session::fault::fault;
use crate::session::repeat::{pause, repeat_until_stored};
use crate::systems::focus::sessions::Sessions;

/// How long a start is repeated whose outcome is unknown: longer than the store is away in a failover.
const CERTAIN_WITHIN: Duration = Duration::from_secs(60);

/// How long the store is told that a socket has gone: longer than an operator takes to repair one.
const LEAVE_WITHIN: Duration = Duration::from_secs(24 * 3600);

/// A session that a socket tracks.
pub(super) struct Tracked {
    pub(super) session: FocusId,
    /// Has the socket removed if this node dies.
    pub(super) guard: MembershipGuard,
    /// Since when the socket has tracked the session, in cluster time.
    pub(super) since: Timestamp,
}

impl Tracked {
    pub(super) fn tracker(&self, connection: &ConnectionId) -> Tracker {
        Tracker { node: self.guard.node().clone(), connection: connection.clone() }
    }

    /// Tells whether the node still holds the lease under which the socket tracks the session.
    pub(super) fn has_lease(&self, node: &Node) -> bool {
        node.engine.presence().name().borrow().as_ref() == Some(self.guard.node())
    }
}

/// Begins to track a session. `left` is another session that the socket has tracked, with activity that is not stored.
pub(super) async fn start(
    sessions: &Sessions,
    connection: &ConnectionId,
    session: FocusId,
    left: Option<(FocusId, Spans)>,
) -> Result<(Tracked, Outcome), Fault> {
    let guard = sessions.node.engine.presence().enter(&sessions.scope).await;
    let guard = guard.map_err(|error| Fault::of_service(Code::Unavailable, error.to_string()))?;
    if let Some((left, spans)) = left.filter(|(_, spans)| !spans.is_empty()) {
        sessions.execute(FocusCommand::Report(left, spans)).await?;
    }
    sessions.settle_for_return(session).await?;
    let tracker = Tracker { node: guard.node().clone(), connection: connection.clone() };
    let outcome = match execute_certainly(sessions, FocusCommand::Start(session, tracker)).await {
        Ok(outcome) => outcome,
        Err(failed) => {
            if matches!(failed, ExecuteError::OutcomeUnknown | ExecuteError::Unavailable(_)) {
                take_back(sessions, connection, Tracked { session, guard, since: Timestamp(0) });
            }
            return Err(refused_start(&failed));
        }
    };
    let since = outcome_time(&outcome, &sessions.node);
    Ok((Tracked { session, guard, since }, outcome))
}

/// Removes a socket of which it is not known whether it is recorded.
fn take_back(sessions: &Sessions, connection: &ConnectionId, tracked: Tracked) {
    let (sessions, connection) = (sessions.clone(), connection.clone());
    let spawner = Arc::clone(&sessions.node);
    spawner.drain.spawn(async move { leave(&sessions, &connection, tracked, None, Spans::default()).await });
}

/// Carries out a command that may be repeated, until it is certain whether it has had its effect: a socket that is recorded
/// and not known would count for ever.
async fn execute_certainly(sessions: &Sessions, command: FocusCommand) -> Result<Outcome, ExecuteError> {
    let mut is_uncertain = false;
    let by = Instant::now() + CERTAIN_WITHIN;
    loop {
        let done = sessions.try_execute(command.clone().into()).await;
        let is_final = match &done {
            Ok(_) | Err(ExecuteError::Refused(_)) => true,
            Err(failed) if failed.is_damage() => true,
            Err(ExecuteError::OutcomeUnknown) => false,
            Err(_) => !is_uncertain,
        };
        if is_final || Instant::now() >= by {
            return done;
        }
        is_uncertain = true;
        pause().await;
    }
}

fn refused_start(failed: &ExecuteError) -> Fault {
    let is_invalid =
        matches!(failed, ExecuteError::Refused(Refusal::Focus(FocusRefusal::Unknown | FocusRefusal::Ended)));
    if is_invalid { Fault::of_client(Code::NotFound, INVALID_SESSION) } else { fault(failed, false) }
}

fn outcome_time(outcome: &Outcome, node: &Node) -> Timestamp {
    match &outcome.effect {
        engine::Effect::Change(change) => change.at,
        engine::Effect::Nothing | engine::Effect::Repeated => node.engine.clock().now().unwrap_or_default(),
    }
}

/// Goes on to track a session, after the node's lease was lost.
pub(super) async fn rejoin(
    sessions: &Sessions,
    connection: &ConnectionId,
    tracked: Tracked,
) -> (Tracked, Result<(), Fault>) {
    let guard = match sessions.node.engine.presence().enter(&sessions.scope).await {
        Ok(guard) => guard,
        Err(error) => return (tracked, Err(Fault::of_service(Code::Unavailable, error.to_string()))),
    };
    let tracked = Tracked { guard, ..tracked };
    let command = FocusCommand::Rejoin(tracked.session, tracked.tracker(connection), tracked.since);
    let done = sessions.execute(command).await.map(drop);
    (tracked, done)
}

/// Records that a socket has gone, and repeats it until the store has taken it. The socket goes at the latest with this node.
pub(super) async fn leave(
    sessions: &Sessions,
    connection: &ConnectionId,
    tracked: Tracked,
    gone_at: Option<Timestamp>,
    spans: Spans,
) {
    let command = FocusCommand::Disconnect(tracked.session, tracked.tracker(connection), gone_at, spans);
    let left = repeat_until_stored("socket", || sessions.try_execute(command.clone().into()));
    if timeout(LEAVE_WITHIN, left).await.is_ok() {
        return;
    }
    tracing::error!("the end of a socket could not be stored for a day; its session counts on");
}
