//! What a client was shown, for its own task and for the one that fans beats out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::{Lack, Looked, Onlooker, Progress, Showing};
use tokio::sync::Notify;
use wire::clockit::Dialect;

use crate::clockit::shown;
use crate::ws::{Line, Offered, Pulse, frame};

/// What a client was shown.
pub(crate) struct Gaze {
    dialect: Dialect,
    line: Arc<Line>,
    pulse: Pulse,
    progress: Mutex<Progress>,
    behind: Notify,
}

impl Gaze {
    pub(crate) fn new(dialect: Dialect, line: Arc<Line>, pulse: Pulse) -> Self {
        Self { dialect, line, pulse, progress: Mutex::default(), behind: Notify::new() }
    }

    /// Returns what is known of the client's life.
    pub(crate) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Waits until there is something that was not shown at once.
    pub(crate) async fn behind(&self) {
        self.behind.notified().await;
    }

    /// Holds still what was shown. Whoever writes of it does so before letting go.
    pub(crate) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn offer(&self, ticks: &[u8]) -> Looked {
        let asks = self.pulse.is_due();
        let offered = if asks {
            self.pulse.asks(true);
            self.line.offer(&[ticks, &frame::ping()].concat())
        } else {
            self.line.offer(ticks)
        };
        match offered {
            Offered::Written => Looked::Shown,
            Offered::Begun => Looked::Begun,
            Offered::Refused => {
                if asks {
                    self.pulse.asks(false);
                }
                Looked::Behind
            }
        }
    }
}

impl Onlooker for Gaze {
    /// Shows a beat if it is all that is lacking and there is room for it.
    fn look(&self, showing: &mut Showing) -> Looked {
        // Its own task writes just now, and may have looked before this beat came.
        let Ok(mut progress) = self.progress.try_lock() else { return Looked::Behind };
        match progress.lacks(showing.view(), showing.beat()) {
            Lack::Nothing => Looked::Nothing,
            Lack::More => Looked::Behind,
            Lack::LastBeat => {
                let ticks = shown::ticks_at(self.dialect, showing);
                let looked = if ticks.is_empty() { Looked::Nothing } else { self.offer(ticks) };
                if looked != Looked::Behind {
                    progress.has_seen(showing.beat());
                }
                looked
            }
        }
    }

    fn wake(&self) {
        self.behind.notify_one();
    }
}
