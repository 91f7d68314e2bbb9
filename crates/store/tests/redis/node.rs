//! A node over a store in Redis, with helpers of the tests.

use std::sync::Arc;

use engine::{Dependencies, Engine, ExecuteError, Outcome, Request};
use harness::{wait_for, wait_until};
use store::redis::{Options, RedisStore};
use timers::stopwatch::{Start, StopwatchCommand};
use timers::{Command, CommandId, RequiredRows, Scope, SessionId, Tag, UserId};

pub(crate) struct Node {
    pub(crate) engine: Arc<Engine>,
}

impl Node {
    pub(crate) fn start(url: &str, name: &str) -> Self {
        Self::start_with(options(url, name))
    }

    pub(crate) fn start_with(options: Options) -> Self {
        let connected = RedisStore::connect(&options).expect("the driver accepts its configuration");
        let options = engine::Options::new(&options.node);
        Self { engine: Engine::start(connected, options, Dependencies::default()) }
    }

    pub(crate) async fn is_ready(&self) {
        wait_for("the store", || self.engine.store().ready().is_ok()).await;
    }

    pub(crate) async fn is_not_ready(&self) {
        wait_for("the store to be unusable", || self.engine.store().ready().is_err()).await;
    }

    pub(crate) async fn start_session(&self, name: &str) -> Result<Outcome, ExecuteError> {
        self.engine.execute(request(name, None)).await
    }

    /// Returns the tag of the node's view of a scope.
    pub(crate) async fn view_tag(&self, scope: &Scope) -> Option<Tag> {
        let subscription = self.engine.hub().join(scope).await.ok()?;
        Some(subscription.snapshot().view.board.position.tag)
    }
}

/// Waits until the views of all nodes equal the store.
pub(crate) async fn all_equal(nodes: &[&Node], scopes: &[Scope]) {
    for scope in scopes {
        wait_until("equal views", async || {
            let Ok(stored) = nodes[0].engine.store().load(scope, &RequiredRows::default()).await else { return false };
            for node in nodes {
                if node.view_tag(scope).await != Some(stored.position.tag) {
                    return false;
                }
            }
            true
        })
        .await;
    }
}

pub(crate) fn request(name: &str, id: Option<u64>) -> Request {
    request_of("ann", name, id)
}

pub(crate) fn request_of(user: &str, name: &str, id: Option<u64>) -> Request {
    let start = Start {
        session: Some(session(name)),
        label: name.to_owned(),
        goals: None,
        group_id: None,
        group_name: None,
        comment: None,
    };
    let command = Command::Stopwatch(StopwatchCommand::Start(start));
    Request { scope: scope(user), command, id: id.map(CommandId) }
}

pub(crate) fn pause_of(user: &str, name: &str) -> Request {
    Request { scope: scope(user), command: Command::Stopwatch(StopwatchCommand::Pause(session(name))), id: None }
}

pub(crate) fn session(name: &str) -> SessionId {
    SessionId::new(name).expect("a valid name")
}

pub(crate) fn scope(name: &str) -> Scope {
    Scope::user(&UserId::new(name).expect("a valid name"))
}

pub(crate) fn options(url: &str, node: &str) -> Options {
    Options::new(url.parse().expect("a valid address"), node)
}
