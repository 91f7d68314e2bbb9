//! What the beat allocates: `cargo bench -p benches --bench allocations`.
//!
//! People with one running session each are followed by connections without sockets. What is allocated in a second
//! is counted; it must not grow with the connections, nor with the people.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::store::Connected;
use engine::{
    Engine, Feed, Lack, Looked, MemoryStore, Onlooker, Options, Progress, Request, Seams, Sheet, Showing, StoreClock,
    View,
};
use timers::stopwatch::{Command as Ask, Start};
use timers::{Beat, Command, Scope, UserId};
use wire::clockit::{Dialect, ticks};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const SECONDS: u64 = 3;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _profiler = dhat::Profiler::builder().testing().build();
    println!("{:>7} {:>11} {:>15} {:>24}", "people", "connections", "ticks a second", "allocations in a second");
    for (people, connections) in [(1, 1), (1, 1000), (1, 4000), (1000, 1000), (4000, 4000)] {
        let (shown, blocks) = runtime.block_on(a_second(people, connections));
        println!("{people:>7} {connections:>11} {shown:>15} {blocks:>24}");
    }
}

/// Counts what is shown and what is allocated in one second with so many people and connections.
async fn a_second(people: usize, connections: usize) -> (u64, u64) {
    let clock = StoreClock::new();
    let Connected { store, signals } = MemoryStore::new(move || clock.now()).connect();
    let engine = Engine::start(Connected { store, signals }, Options::new("bench"), Seams::default());
    while engine.hub().last_beat() == Beat(0) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let scopes: Vec<Scope> = (0..people).map(|nth| Scope::User(user(nth))).collect();
    for scope in &scopes {
        engine.execute(Request { scope: scope.clone(), command: start(), id: None, by: None }).await.expect("works");
    }
    let shown = Arc::new(AtomicU64::new(0));
    let mut clients = Vec::new();
    for scope in scopes.iter().cycle().take(connections) {
        let mut feed = engine.hub().join(scope).await.expect("joins");
        let client =
            Arc::new(Client { progress: Mutex::default(), shown: Arc::clone(&shown), behind: AtomicBool::new(false) });
        feed.attend(Arc::clone(&client) as Arc<dyn Onlooker>);
        feed.catch_up(&mut client.progress(), |_| {});
        clients.push((client, feed));
    }
    wait_for(&engine, &clients, 2).await;
    let before = (shown.load(Ordering::Relaxed), dhat::HeapStats::get().total_blocks);
    wait_for(&engine, &clients, SECONDS).await;
    let after = (shown.load(Ordering::Relaxed), dhat::HeapStats::get().total_blocks);
    drop(clients);
    engine.stop().await;
    ((after.0 - before.0) / SECONDS, (after.1 - before.1) / SECONDS)
}

/// A connection without its socket: takes the frames that it would write.
struct Client {
    progress: Mutex<Progress>,
    shown: Arc<AtomicU64>,
    /// A beat was skipped: the machine had no time for us.
    behind: AtomicBool,
}

impl Client {
    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Onlooker for Client {
    fn look(&self, showing: &mut Showing) -> Looked {
        let (mut progress, beat) = (self.progress(), showing.beat());
        let shows = progress.lacks(showing.view(), beat) == Lack::LastBeat;
        if shows {
            let frame = showing.sheet(0, render);
            self.shown.fetch_add(u64::from(!frame.is_empty()), Ordering::Relaxed);
            progress.has_seen(beat);
            Looked::Shown
        } else {
            self.behind.store(true, Ordering::Relaxed);
            Looked::Behind
        }
    }

    fn wake(&self) {}
}

fn render(sheet: &mut Sheet, view: &View, beat: Beat) {
    let moves = ticks(Dialect::V1, &view.board, beat, |text, counts| {
        let begin = sheet.bytes_mut().len();
        sheet.bytes_mut().extend_from_slice(text.as_bytes());
        counts.iter().for_each(|end| sheet.ends_count(begin + end));
    });
    if moves {
        sheet.moves();
    }
}

fn user(nth: usize) -> UserId {
    UserId::new(&format!("user-{nth}")).expect("a good name")
}

fn start() -> Command {
    Command::Stopwatch(Ask::Start(Start {
        session: None,
        label: "bench".to_owned(),
        goals: None,
        group_id: None,
        group_name: None,
        comment: None,
    }))
}

/// Waits until so many more beats were shown to all.
async fn wait_for(engine: &Engine, clients: &[(Arc<Client>, Feed)], beats: u64) {
    let wanted = engine.hub().last_beat().0 + beats;
    let seen = |(client, feed): &(Arc<Client>, Feed)| {
        let mut progress = client.progress();
        if client.behind.swap(false, Ordering::Relaxed) {
            feed.catch_up(&mut progress, |_| {});
        }
        progress.lacks(&feed.shown().view, engine.hub().last_beat()) == Lack::Nothing
    };
    while engine.hub().last_beat().0 < wanted || !clients.iter().all(seen) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
