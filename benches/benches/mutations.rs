//! Mutations per second of one node on each store: `cargo bench -p benches --bench mutations`.
//!
//! Each of the scopes has one client that pauses and resumes a session in a closed loop; with one scope
//! 16 clients share it. Compare the rows of one run; machines differ.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use engine::store::Connected;
use engine::{Dependencies, Engine, MemoryStore, Options, Request, Store, StoreClock};
use harness::RedisServer;
use store::embedded::EmbeddedStore;
use store::redis::{self, RedisStore};
use timers::stopwatch::{Start, StopwatchCommand as Ask};
use timers::{Command, Scope, SessionId, UserId};

const MEASURED_FOR: Duration = Duration::from_secs(3);
const CLIENTS_OF_ONE_SCOPE: usize = 16;

fn main() {
    // `cargo test --benches` only wants to see that it works.
    let span =
        if std::env::args().any(|argument| argument == "--test") { Duration::from_millis(50) } else { MEASURED_FOR };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        println!("{:<10} {:>7} {:>14} {:>10} {:>11}", "store", "scopes", "mutations/s", "mean ms", "conflicts/s");
        for scopes in [1, 64] {
            let clock = StoreClock::new();
            let Connected { store, signals } = MemoryStore::new(move || clock.now()).connect();
            measure("memory", Connected { store, signals }, scopes, span).await;
            let folder = tempfile::tempdir_in(".").expect("a folder on a real disk");
            measure("embedded", EmbeddedStore::open(folder.path()).expect("opens"), scopes, span).await;
            let server = RedisServer::start();
            let url = server.url().parse().expect("a good address");
            let options = redis::Options::new(url, "bench");
            measure("redis", RedisStore::connect(&options).expect("connects"), scopes, span).await;
        }
    });
}

async fn measure(name: &str, connected: Connected<dyn Store>, scopes: usize, span: Duration) {
    let options = Options::new("bench");
    let engine = Engine::start(connected, options, Dependencies::default());
    while engine.store().ready().is_err() {
        tokio::task::yield_now().await;
    }
    let clients = if scopes == 1 { CLIENTS_OF_ONE_SCOPE } else { scopes };
    let mut subscriptions = Vec::new();
    for nth in 0..scopes {
        subscriptions.push(engine.hub().join(&scope(nth)).await.expect("joins"));
    }
    let done = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for nth in 0..clients {
        let (engine, done, scope) = (Arc::clone(&engine), Arc::clone(&done), scope(nth % scopes));
        let session = SessionId::new(&format!("s{nth}")).expect("a good name");
        tasks.spawn(async move {
            execute(&engine, &scope, start(&session)).await;
            let mut running = true;
            while began.elapsed() < span {
                let ask = if running { Ask::Pause(session.clone()) } else { Ask::Resume(session.clone()) };
                execute(&engine, &scope, ask).await;
                done.fetch_add(1, Ordering::Relaxed);
                running = !running;
            }
        });
    }
    tasks.join_all().await;
    let seconds = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "counts of seconds")]
    let (rate, conflicts) =
        (done.load(Ordering::Relaxed) as f64 / seconds, engine.stats().conflicts.get() as f64 / seconds);
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let mean_ms = clients as f64 * 1000.0 / rate;
    println!("{name:<10} {scopes:>7} {rate:>14.0} {mean_ms:>10.2} {conflicts:>11.1}");
    engine.stop().await;
}

async fn execute(engine: &Engine, scope: &Scope, ask: Ask) {
    let request = Request { scope: scope.clone(), command: Command::Stopwatch(ask), id: None };
    engine.execute(request).await.expect("works");
}

fn scope(nth: usize) -> Scope {
    Scope::user(&UserId::new(&format!("user-{nth}")).expect("a good name"))
}

fn start(session: &SessionId) -> Ask {
    Ask::Start(Start {
        session: Some(session.clone()),
        label: "bench".to_owned(),
        goals: None,
        group_id: None,
        group_name: None,
        comment: None,
    })
}
