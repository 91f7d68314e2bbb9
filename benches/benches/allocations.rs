//! The allocations of the tick fan-out: `cargo bench -p benches --bench allocations`.
//!
//! Users with one running session each, and connections without sockets that subscribe to them. Reports the
//! allocations of one second, which must grow neither with the connections nor with the users.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use engine::store::Connected;
use engine::{
    Backlog, DeliveryState, Dependencies, Engine, MemoryStore, Options, Request, StoreClock, Subscriber, Subscription,
    TickBuffer, TickContext, TickDelivery, View,
};
use parking_lot::{Mutex, MutexGuard};
use timers::stopwatch::{Start, StopwatchCommand};
use timers::{Beat, Command, Scope, UserId};
use wire::Dialect;
use wire::clockit::V1;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const SECONDS: u64 = 3;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _profiler = dhat::Profiler::builder().testing().build();
    println!("{:>7} {:>11} {:>15} {:>24}", "users", "connections", "ticks a second", "allocations in a second");
    for (users, connections) in [(1, 1), (1, 1000), (1, 4000), (1000, 1000), (4000, 4000)] {
        let (shown, blocks) = runtime.block_on(one_second(users, connections));
        println!("{users:>7} {connections:>11} {shown:>15} {blocks:>24}");
    }
}

/// Returns the ticks shown and the blocks allocated in one second.
async fn one_second(users: usize, connections: usize) -> (u64, u64) {
    let clock = StoreClock::new();
    let Connected { store, signals } = MemoryStore::new(move || clock.now()).connect();
    let engine = Engine::start(Connected { store, signals }, Options::new("bench"), Dependencies::default());
    while engine.hub().last_beat() == Beat(0) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let scopes: Vec<Scope> = (0..users).map(|nth| Scope::user(&user(nth))).collect();
    for scope in &scopes {
        engine.execute(Request { scope: scope.clone(), command: start(), id: None }).await.expect("works");
    }
    let shown = Arc::new(AtomicU64::new(0));
    let mut clients = Vec::new();
    for scope in scopes.iter().cycle().take(connections) {
        let mut subscription = engine.hub().join(scope).await.expect("joins");
        let client =
            Arc::new(Client { state: Mutex::default(), shown: Arc::clone(&shown), behind: AtomicBool::new(false) });
        subscription.subscribe(Arc::clone(&client) as Arc<dyn Subscriber>);
        subscription.catch_up(&mut client.state(), |_| {});
        clients.push((client, subscription));
    }
    wait_for(&engine, &clients, 2).await;
    let before = (shown.load(Ordering::Relaxed), dhat::HeapStats::get().total_blocks);
    wait_for(&engine, &clients, SECONDS).await;
    let after = (shown.load(Ordering::Relaxed), dhat::HeapStats::get().total_blocks);
    drop(clients);
    engine.stop().await;
    ((after.0 - before.0) / SECONDS, (after.1 - before.1) / SECONDS)
}

/// A connection without its socket; it takes the frames that it would write.
struct Client {
    state: Mutex<DeliveryState>,
    shown: Arc<AtomicU64>,
    /// A beat was skipped because the machine was busy.
    behind: AtomicBool,
}

impl Client {
    fn state(&self) -> MutexGuard<'_, DeliveryState> {
        self.state.lock()
    }
}

impl Subscriber for Client {
    fn on_tick(&self, context: &mut TickContext) -> TickDelivery {
        let (mut state, beat) = (self.state(), context.beat());
        let shows = state.backlog(context.view(), beat) == Backlog::LatestBeat;
        if shows {
            let frame = context.buffer::<V1>(0, render);
            self.shown.fetch_add(u64::from(!frame.is_empty()), Ordering::Relaxed);
            state.mark_delivered(beat);
            TickDelivery::Written
        } else {
            self.behind.store(true, Ordering::Relaxed);
            TickDelivery::Deferred
        }
    }

    fn notify(&self) {}
}

fn render(buffer: &mut TickBuffer, view: &View, beat: Beat) {
    let patchable = V1::ticks(&view.board, beat, |text| {
        let begin = buffer.bytes_mut().len();
        buffer.bytes_mut().extend_from_slice(text.json.as_bytes());
        text.counters.iter().for_each(|end| buffer.mark_counter(begin + end));
    });
    if patchable {
        buffer.patchable();
    }
}

fn user(nth: usize) -> UserId {
    UserId::new(&format!("user-{nth}")).expect("a good name")
}

fn start() -> Command {
    Command::Stopwatch(StopwatchCommand::Start(Start {
        session: None,
        label: "bench".to_owned(),
        goals: None,
        group_id: None,
        group_name: None,
        comment: None,
    }))
}

/// Waits until all clients were shown this many more beats.
async fn wait_for(engine: &Engine, clients: &[(Arc<Client>, Subscription)], beats: u64) {
    let wanted = engine.hub().last_beat().0 + beats;
    let seen = |(client, subscription): &(Arc<Client>, Subscription)| {
        let mut state = client.state();
        if client.behind.swap(false, Ordering::Relaxed) {
            subscription.catch_up(&mut state, |_| {});
        }
        state.backlog(&subscription.snapshot().view, engine.hub().last_beat()) == Backlog::None
    };
    while engine.hub().last_beat().0 < wanted || !clients.iter().all(seen) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
