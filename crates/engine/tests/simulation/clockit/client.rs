//! A client that follows one scope on its node.

use std::sync::{Arc, Mutex};

use engine::{Delivery, Engine, Reader};
use timers::{Beat, Board, Scope};
use tokio::task::JoinHandle;

use super::super::cluster::{Connected, join};

/// One connected client.
pub(crate) struct Client {
    pub(crate) scope: Scope,
    pub(crate) seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

/// What a client has seen.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) board: Option<Board>,
    /// The beats that it was shown; `None` where it was sent a whole view, or a change of what ticks.
    pub(crate) beats: Vec<Option<Beat>>,
}

impl Connected for Client {
    /// Connects a client, which waits until its node can subscribe to the scope.
    fn connect(engine: &Arc<Engine>, scope: &Scope) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let task = tokio::spawn(read(Arc::clone(engine), scope.clone(), Arc::clone(&seen)));
        Self { scope: scope.clone(), seen, task }
    }

    fn scope(&self) -> &Scope {
        &self.scope
    }
}

impl Client {
    /// Checks that the client was shown consecutive seconds, none of them twice; returns their number.
    pub(crate) fn check_beats(&self) -> usize {
        let seen = self.seen.lock().unwrap();
        let pairs = seen.beats.windows(2).filter_map(|pair| Some((pair[0]?, pair[1]?)));
        let check = |(before, after): (Beat, Beat)| assert_eq!(after, Beat(before.0 + 1), "in {}", self.scope);
        pairs.map(check).count()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(engine: Arc<Engine>, scope: Scope, seen: Arc<Mutex<Seen>>) {
    let mut reader = Reader::new(join(&engine, &scope).await);
    loop {
        {
            let mut seen = seen.lock().unwrap();
            reader.catch_up(|delivery| match delivery {
                Delivery::Initial(view) | Delivery::Resync { new: view, .. } => {
                    seen.board = Some(view.board.as_ref().clone());
                    seen.beats.push(None);
                }
                Delivery::Diff { old, new } => {
                    assert_eq!(
                        seen.board.as_ref(),
                        Some(old.board.as_ref()),
                        "a diff begins at the view that was seen"
                    );
                    if old.board.ticks() != new.board.ticks() {
                        seen.beats.push(None);
                    }
                    seen.board = Some(new.board.as_ref().clone());
                }
                Delivery::Redated(view) => {
                    assert_eq!(seen.board.as_ref(), Some(view.board.as_ref()), "only the dates differ");
                }
                Delivery::Tick(view, beat) => {
                    assert_eq!(seen.board.as_ref(), Some(view.board.as_ref()), "a tick is of the view that was seen");
                    seen.beats.push(Some(beat));
                }
            });
        }
        reader.changed().await;
    }
}
