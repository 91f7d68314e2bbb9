//! A wrapper that measures the duration and kind of each answer of a store.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use timers::{Millis, Position, RequiredRows, Scope, Tag, Timestamp};

use crate::store::{
    BeatRequest, BeatStatus, Commit, Committed, Due, DuePage, Fault, FaultKind, LoadedBoard, NodeReports, Page, Query,
    ServerStatus, Store, StoreCounters, Transfer,
};
use crate::telemetry::{Answer, Operation, Telemetry, Timing};

/// A store whose answers are measured.
pub(crate) struct Measured {
    store: Arc<dyn Store>,
    telemetry: Arc<dyn Telemetry>,
}

impl Measured {
    /// Wraps a store.
    pub(crate) fn new(store: Arc<dyn Store>, telemetry: Arc<dyn Telemetry>) -> Self {
        Self { store, telemetry }
    }

    async fn measure<T>(
        &self,
        operation: Operation,
        request: impl Future<Output = Result<T, Fault>>,
        answer: impl FnOnce(&T) -> Answer,
    ) -> Result<T, Fault> {
        let since = Instant::now();
        let answered = request.await;
        let answer = match &answered {
            Ok(done) => answer(done),
            Err(fault) => match fault.kind() {
                FaultKind::Unavailable | FaultKind::Failing | FaultKind::Damaged => Answer::Failed,
                FaultKind::Unknown => Answer::Silent,
            },
        };
        self.telemetry.record(Timing::Store(operation, answer), since.elapsed());
        answered
    }
}

fn done<T>(_: &T) -> Answer {
    Answer::Done
}

#[async_trait]
impl Store for Measured {
    async fn load(&self, scope: &Scope, rows: &RequiredRows) -> Result<LoadedBoard, Fault> {
        self.measure(Operation::Load, self.store.load(scope, rows), done).await
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, Fault> {
        let answer = |committed: &Committed| match committed {
            Committed::Done(..) => Answer::Done,
            Committed::Repeated(..) => Answer::Repeated,
            Committed::Conflict(_) => Answer::Conflict,
            Committed::Late(_) => Answer::Late,
            Committed::Stale(_) => Answer::Stale,
            Committed::HistoryFull(..) => Answer::Full,
        };
        self.measure(Operation::Commit, self.store.commit(commit), answer).await
    }

    async fn confirm(&self, scope: &Scope, tag: Tag) -> Result<bool, Fault> {
        let answer = |is_equal: &bool| if *is_equal { Answer::Done } else { Answer::Conflict };
        self.measure(Operation::Confirm, self.store.confirm(scope, tag), answer).await
    }

    async fn history(&self, scope: &Scope, query: &Query) -> Result<Page, Fault> {
        self.measure(Operation::History, self.store.history(scope, query), done).await
    }

    async fn extend(&self, scopes: &[Scope], lifetime: Millis) -> Result<(), Fault> {
        self.measure(Operation::Extend, self.store.extend(scopes, lifetime), done).await
    }

    async fn touch(&self, scope: &Scope, at: Timestamp) -> Result<(), Fault> {
        self.measure(Operation::Touch, self.store.touch(scope, at), done).await
    }

    async fn watch(&self, scope: &Scope) -> Result<(), Fault> {
        self.measure(Operation::Watch, self.store.watch(scope), done).await
    }

    fn unwatch(&self, scope: &Scope) {
        self.store.unwatch(scope);
    }

    async fn positions(&self, scopes: &[Scope]) -> Vec<Option<Position>> {
        let since = Instant::now();
        let positions = self.store.positions(scopes).await;
        let answer = if positions.contains(&None) { Answer::Failed } else { Answer::Done };
        self.telemetry.record(Timing::Store(Operation::Positions, answer), since.elapsed());
        positions
    }

    async fn due(&self, until: Timestamp, limit: usize) -> Result<DuePage, Fault> {
        self.measure(Operation::Due, self.store.due(until, limit), done).await
    }

    async fn postpone(&self, due: &Due, to: Timestamp) -> Result<(), Fault> {
        self.measure(Operation::Postpone, self.store.postpone(due, to), done).await
    }

    async fn beat(&self, request: &BeatRequest) -> Result<BeatStatus, Fault> {
        self.measure(Operation::Beat, self.store.beat(request), done).await
    }

    async fn vacate(&self, node: &str) -> Result<(), Fault> {
        self.store.vacate(node).await
    }

    fn ready(&self) -> Result<(), String> {
        self.store.ready()
    }

    fn counters(&self) -> StoreCounters {
        self.store.counters()
    }

    fn servers(&self) -> Vec<ServerStatus> {
        self.store.servers()
    }

    fn node_reports(&self) -> Option<&dyn NodeReports> {
        self.store.node_reports()
    }

    fn transfer(&self) -> Option<&dyn Transfer> {
        self.store.transfer()
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
