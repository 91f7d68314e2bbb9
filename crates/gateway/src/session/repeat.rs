//! Repeating a command that nobody waits for until the store has taken it.

use std::time::Duration;

use engine::{ExecuteError, Outcome};
use tokio::time::sleep;

/// Mean pause before a command is repeated. The pause is random, so that the commands of a node's clients are not repeated at
/// once.
const PAUSE: Duration = Duration::from_secs(1);

/// Repeats the end of something until it is stored, or has nothing left to end: the command is refused, or the board is damaged.
pub(crate) async fn repeat_until_stored<A>(what: &'static str, attempt: impl Fn() -> A)
where
    A: Future<Output = Result<Outcome, ExecuteError>>,
{
    loop {
        match attempt().await {
            Ok(_) | Err(ExecuteError::Refused(_)) => return,
            Err(error) if error.is_damage() => return,
            Err(error) => tracing::debug!(%error, what, "the end cannot be stored yet"),
        }
        pause().await;
    }
}

/// Waits before a command is repeated.
pub(crate) async fn pause() {
    sleep(PAUSE.mul_f64(0.5 + fastrand::f64())).await;
}
