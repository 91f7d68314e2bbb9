//! A client that reads what its node shows it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::{Engine, Reader, Sight};
use timers::{Beat, Board, Scope};
use tokio::task::JoinHandle;
use tokio::time::sleep;

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
    /// The beats it was shown, with a mark where it connected anew or was brought up to date.
    pub(crate) beats: Vec<Option<Beat>>,
}

impl Client {
    /// Connects a client, which waits for its node as long as it takes.
    pub(crate) fn connect(engine: &Arc<Engine>, scope: &Scope) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let task = tokio::spawn(read(Arc::clone(engine), scope.clone(), Arc::clone(&seen)));
        Self { scope: scope.clone(), seen, task }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(engine: Arc<Engine>, scope: Scope, seen: Arc<Mutex<Seen>>) {
    let feed = loop {
        match engine.hub().join(&scope).await {
            Ok(feed) => break feed,
            Err(_) => sleep(Duration::from_millis(50)).await, // tidy: allow: virtual time
        }
    };
    let mut reader = Reader::new(feed);
    loop {
        {
            let mut seen = seen.lock().unwrap();
            reader.catch_up(|sight| match sight {
                Sight::First(view) | Sight::Whole { new: view, .. } => {
                    seen.board = Some(view.board.as_ref().clone());
                    seen.beats.push(None);
                }
                Sight::News { old, new } => {
                    assert_eq!(seen.board.as_ref(), Some(old.board.as_ref()), "news follow what was seen");
                    if old.board.ticks() != new.board.ticks() {
                        seen.beats.push(None);
                    }
                    seen.board = Some(new.board.as_ref().clone());
                }
                Sight::Beat(view, beat) => {
                    assert_eq!(seen.board.as_ref(), Some(view.board.as_ref()), "ticks are of what was seen");
                    seen.beats.push(Some(beat));
                }
            });
        }
        reader.changed().await;
    }
}
