//! What a tick allocates for each connection: `cargo bench -p benches --bench allocations`.
//!
//! One person with one running session is followed by more and more connections. What is allocated in a
//! second is counted; it must not grow with them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::store::Connected;
use engine::{Engine, MemoryStore, Options, Reader, Request, Seams, Sight, StoreClock};
use timers::stopwatch::{Command as Ask, Start};
use timers::{Beat, Command, Scope, UserId};
use tokio::task::JoinSet;
use wire::clockit::{Dialect, ticks};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const SECONDS: u64 = 3;
const TICKS: u8 = 0;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _profiler = dhat::Profiler::builder().testing().build();
    println!("{:>11} {:>24} {:>24}", "connections", "allocations in a second", "more for each connection");
    let mut first = None;
    for connections in [1, 1000, 4000] {
        let blocks = runtime.block_on(a_second(connections));
        let (fewest, least) = *first.get_or_insert((connections, blocks));
        #[expect(clippy::cast_precision_loss, reason = "some thousands")]
        let more = blocks.saturating_sub(least) as f64 / (connections - fewest).max(1) as f64;
        println!("{connections:>11} {blocks:>24} {more:>24.4}");
    }
}

/// Counts what is allocated in one second with so many connections.
async fn a_second(connections: usize) -> u64 {
    let clock = StoreClock::new();
    let Connected { store, signals } = MemoryStore::new(move || clock.now()).connect();
    let options = Options::new("bench");
    let engine = Engine::start(Connected { store, signals }, options, Seams::default());
    let scope = Scope::User(UserId::new("ann").expect("a good name"));
    let start = Start {
        session: None,
        label: "bench".to_owned(),
        goals: None,
        group_id: None,
        group_name: None,
        comment: None,
    };
    let command = Command::Stopwatch(Ask::Start(start));
    engine.execute(Request { scope: scope.clone(), command, id: None, by: None }).await.expect("works");
    let mut readers = JoinSet::new();
    for _ in 0..connections {
        readers.spawn(follow(Reader::new(engine.hub().join(&scope).await.expect("joins"))));
    }
    wait_for(&engine, 2).await;
    let before = dhat::HeapStats::get().total_blocks;
    wait_for(&engine, SECONDS).await;
    let allocated = dhat::HeapStats::get().total_blocks - before;
    readers.shutdown().await;
    engine.stop().await;
    allocated / SECONDS
}

/// A connection without its socket: collects the frames that it would write.
async fn follow(mut reader: Reader) {
    let mut out: Vec<Bytes> = Vec::with_capacity(4);
    loop {
        reader.catch_up(|sight| {
            if let Sight::Beat(view, beat) = sight {
                out.push(view.frames.get(TICKS, beat.0, || {
                    let mut frame = Vec::new();
                    ticks(Dialect::V1, &view.board, beat, |text, _| frame.extend_from_slice(text.as_bytes()));
                    frame.into()
                }));
            }
        });
        out.clear();
        reader.changed().await;
    }
}

async fn wait_for(engine: &Arc<Engine>, beats: u64) {
    let wanted = Beat(engine.hub().last_beat().0 + beats);
    while engine.hub().last_beat() < wanted {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Half a second on, all connections have been woken.
    tokio::time::sleep(Duration::from_millis(500)).await;
}
