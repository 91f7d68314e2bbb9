//! A member of an organisation, who is told of its events.

use std::sync::{Arc, Mutex};

use engine::{Delivery, Engine, Reader};
use timers::Scope;
use timers::studio::{StudioCounters, StudioEvent};
use tokio::task::JoinHandle;

use super::super::cluster::{Connected, join};

/// One connected member.
pub(crate) struct Member {
    pub(crate) scope: Scope,
    pub(crate) told: Arc<Mutex<Told>>,
    task: JoinHandle<()>,
}

/// What a member was told.
#[derive(Default)]
pub(crate) struct Told {
    /// The number of the last event before the connection.
    pub(crate) before: u64,
    /// The numbers of the events.
    pub(crate) events: Vec<u64>,
    /// How often the member had missed changes.
    pub(crate) resyncs: usize,
}

impl Connected for Member {
    /// Connects a member, who waits until the node can subscribe to the organisation.
    fn connect(engine: &Arc<Engine>, scope: &Scope) -> Self {
        let told = Arc::new(Mutex::new(Told::default()));
        let task = tokio::spawn(read(Arc::clone(engine), scope.clone(), Arc::clone(&told)));
        Self { scope: scope.clone(), told, task }
    }

    fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The events follow each other without a gap or a repetition.
    fn check(&self) {
        let told = self.told.lock().unwrap();
        let expected: Vec<u64> = (told.before + 1..).take(told.events.len()).collect();
        assert_eq!(told.events, expected, "{} is told each event once", self.scope);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(engine: Arc<Engine>, scope: Scope, told: Arc<Mutex<Told>>) {
    let mut reader = Reader::new(join(&engine, &scope).await);
    loop {
        {
            let mut told = told.lock().unwrap();
            reader.catch_up(|delivery| match delivery {
                Delivery::Initial(view) => {
                    let counters = view.board.get::<StudioCounters>(&());
                    told.before = counters.map_or(0, |counters| counters.next_event - 1);
                }
                Delivery::Resync { old, new } | Delivery::Diff { old, new } => {
                    let (events, are_some_lost) = StudioEvent::between(&old.board, &new.board);
                    assert!(!are_some_lost, "the run has few events");
                    let numbers: Vec<u64> = events.map(|event| event.number).collect();
                    told.resyncs += usize::from(numbers.len() > 3);
                    told.events.extend(numbers);
                }
                Delivery::Redated(_) | Delivery::Tick(..) => {}
            });
        }
        reader.changed().await;
    }
}
