//! The failures of a node's long-lived tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use engine::store::*;
use engine::telemetry::Timing;
use engine::*;
use timers::{Millis, Position, RequiredRows, RoomId, Scope, Tag, Timestamp};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tracing::Span;

use super::test_node::{NodeClock, TestClocks, ann, start};

/// A store that panics in one of its methods.
struct PanickingStore {
    node: Arc<MemoryNode>,
    method: &'static str,
}

impl PanickingStore {
    fn enter(&self, method: &str) {
        assert!(self.method != method, "injected into {method}");
    }
}

#[async_trait]
impl Store for PanickingStore {
    async fn load(&self, scope: &Scope, rows: &RequiredRows) -> Result<LoadedBoard, Fault> {
        self.node.load(scope, rows).await
    }
    async fn commit(&self, commit: &Commit) -> Result<Committed, Fault> {
        self.enter("commit");
        self.node.commit(commit).await
    }
    async fn confirm(&self, scope: &Scope, tag: Tag) -> Result<bool, Fault> {
        self.node.confirm(scope, tag).await
    }
    async fn history(&self, scope: &Scope, query: &Query) -> Result<Page, Fault> {
        self.node.history(scope, query).await
    }
    async fn extend(&self, scopes: &[Scope], lifetime: Millis) -> Result<(), Fault> {
        self.node.extend(scopes, lifetime).await
    }
    async fn watch(&self, scope: &Scope) -> Result<(), Fault> {
        self.node.watch(scope).await
    }
    fn unwatch(&self, scope: &Scope) {
        self.node.unwatch(scope);
    }
    async fn positions(&self, scopes: &[Scope]) -> Vec<Option<Position>> {
        self.enter("positions");
        self.node.positions(scopes).await
    }
    async fn due(&self, until: Timestamp, limit: usize) -> Result<DuePage, Fault> {
        self.enter("due");
        self.node.due(until, limit).await
    }
    async fn touch(&self, scope: &Scope, at: Timestamp) -> Result<(), Fault> {
        self.node.touch(scope, at).await
    }

    async fn postpone(&self, due: &Due, to: Timestamp) -> Result<(), Fault> {
        self.node.postpone(due, to).await
    }
    async fn beat(&self, request: &BeatRequest) -> Result<BeatStatus, Fault> {
        self.enter("beat");
        self.node.beat(request).await
    }
    async fn vacate(&self, node: &str) -> Result<(), Fault> {
        self.node.vacate(node).await
    }
    fn ready(&self) -> Result<(), String> {
        Ok(())
    }
    async fn close(&self) {
        self.node.close().await;
    }
}

/// Telemetry that panics when it records the transit of a signal.
struct PanickingTelemetry;

impl Telemetry for PanickingTelemetry {
    fn record(&self, timing: Timing, _: Duration) {
        assert!(timing != Timing::Signal, "injected into the telemetry");
    }
    fn should_sample(&self, _: usize) -> bool {
        false
    }
    fn current_span(&self) -> Option<TraceParent> {
        None
    }
    fn link(&self, _: &Span, _: &TraceParent) {}
}

fn dependencies(clocks: &TestClocks) -> Dependencies {
    Dependencies {
        monotonic: Box::new(NodeClock(clocks.clone())),
        entropy: Entropy::from_seed(1),
        ..Dependencies::default()
    }
}

/// Starts a node on a store that panics in a method; none if it is empty.
fn panicking_node(method: &'static str) -> Arc<Engine> {
    let clocks = TestClocks::new();
    let Connected { store: node, signals } = clocks.store().connect();
    let store: Arc<dyn Store> = Arc::new(PanickingStore { node, method });
    Engine::start(Connected { store, signals }, Options::new("one"), dependencies(&clocks))
}

async fn failure_of(engine: &Engine) -> TaskFailure {
    let (first, second) = (engine.failed(), engine.failed());
    let failure = timeout(Duration::from_secs(10), first).await.expect("a failure");
    assert_eq!(timeout(Duration::from_secs(10), second).await.expect("for every waiter"), failure);
    assert_eq!(engine.failed().await, failure, "and for later ones");
    failure
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_ticker_is_a_failure() {
    let failure = failure_of(&panicking_node("beat")).await;
    assert_eq!((failure.task, failure.cause.as_str()), ("ticker", "it panicked: injected into beat"));
    assert_eq!(failure.to_string(), r#"the task "ticker" of this node failed: it panicked: injected into beat"#);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_search_for_deadlines_is_a_failure() {
    let failure = failure_of(&panicking_node("due")).await;
    assert_eq!((failure.task, failure.cause.as_str()), ("deadlines", "it panicked: injected into due"));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_comparison_of_positions_is_a_failure() {
    let engine = panicking_node("positions");
    let _subscription = engine.hub().join(&ann()).await.unwrap();
    assert_eq!(failure_of(&engine).await.task, "anti-entropy");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_lease_task_is_a_failure() {
    let engine = panicking_node("commit");
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    assert!(
        engine.presence().enter(&Scope::room(&RoomId::new("r").unwrap())).await.is_err(),
        "the request is not left waiting"
    );
    assert_eq!(failure_of(&engine).await.task, "lease");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_listener_is_a_failure() {
    let clocks = TestClocks::new();
    let Connected { store, signals } = clocks.store().connect();
    let dependencies = Dependencies { telemetry: Arc::new(PanickingTelemetry), ..dependencies(&clocks) };
    let engine = Engine::start(Connected { store, signals }, Options::new("one"), dependencies);
    assert_eq!(failure_of(&engine).await.task, "listener");
}

#[tokio::test(start_paused = true)]
async fn a_listener_whose_signals_end_is_a_failure() {
    let clocks = TestClocks::new();
    let Connected { store, .. } = clocks.store().connect();
    let (sender, signals) = mpsc::channel(1);
    let engine = Engine::start(Connected { store, signals }, Options::new("one"), dependencies(&clocks));
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    drop(sender);
    let failure = failure_of(&engine).await;
    assert_eq!((failure.task, failure.cause.as_str()), ("listener", "it ended before the node was stopped"));
}

/// A subscriber that panics at its first tick.
#[derive(Default)]
struct PanickingSubscriber(AtomicBool);

impl Subscriber for PanickingSubscriber {
    fn on_tick(&self, _: &mut TickContext) -> TickDelivery {
        self.0.store(true, Relaxed);
        panic!("injected into a subscriber");
    }

    fn notify(&self) {}
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_subscriber_is_a_failure_of_the_fan_out() {
    let engine = panicking_node("");
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    engine.execute(start(Some("a"), None)).await.unwrap();
    let subscriber = Arc::new(PanickingSubscriber::default());
    let mut subscription = engine.hub().join(&ann()).await.unwrap();
    subscription.subscribe(Arc::clone(&subscriber) as Arc<dyn Subscriber>);
    let failure = failure_of(&engine).await;
    assert_eq!((failure.task, failure.cause.as_str()), ("fan-out", "it panicked: injected into a subscriber"));
    assert!(subscriber.0.load(Relaxed));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_stopped_has_not_failed_nor_one_that_resigned_before_its_first_beat() {
    let engine = panicking_node("");
    engine.resign().await;
    assert!(timeout(Duration::from_secs(60), engine.failed()).await.is_err(), "all tasks run");
    let failed = engine.failed();
    engine.stop().await;
    assert!(timeout(Duration::from_secs(60), failed).await.is_err());
}
