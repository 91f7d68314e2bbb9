//! Commands that wait their turn: a thousand people may come into one room at once, as after the end of a node, and
//! each of them waits for one command at most.

use std::time::{Duration, Instant};

use engine::{ExecuteError, Outcome, Request};
use tokio::time::sleep;

use crate::node::Node;

/// How long a command is tried again while too much is going on: a room's thousand take some seconds.
const WITHIN: Duration = Duration::from_secs(15);

/// Pause before it is tried again, ms.
const AGAIN_MS: std::ops::Range<u64> = 20..200;

/// Carries out a command, and tries it again as long as the scope is only busy.
pub(super) async fn execute(node: &Node, request: Request) -> Result<Outcome, ExecuteError> {
    let since = Instant::now();
    loop {
        let done = node.engine.execute(request.clone()).await;
        if !matches!(done, Err(ExecuteError::Busy)) || since.elapsed() > WITHIN {
            node.metrics.command_done(since.elapsed(), &done);
            return done;
        }
        sleep(Duration::from_millis(fastrand::u64(AGAIN_MS))).await;
    }
}
