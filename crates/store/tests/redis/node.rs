//! A node over a store in Redis, and what tests ask of it.

use std::sync::Arc;

use engine::{Engine, ExecuteError, Outcome, Request, Seams};
use harness::{wait_for, wait_until};
use store::redis::{Options, RedisStore};
use timers::stopwatch::{Command as Ask, Start};
use timers::{Command, CommandId, Scope, SessionId, Tag, UserId};

pub(crate) struct Node {
    pub(crate) engine: Arc<Engine>,
}

impl Node {
    pub(crate) fn start(url: &str, name: &str) -> Self {
        Self::start_with(options(url, name))
    }

    pub(crate) fn start_with(options: Options) -> Self {
        let connected = RedisStore::connect(&options).expect("the driver takes its configuration");
        let options = engine::Options::new(&options.node);
        Self { engine: Engine::start(connected, options, Seams::default()) }
    }

    pub(crate) async fn is_ready(&self) {
        wait_for("the store", || self.engine.store().ready().is_ok()).await;
    }

    pub(crate) async fn is_not_ready(&self) {
        wait_for("the store to be missed", || self.engine.store().ready().is_err()).await;
    }

    pub(crate) async fn start_session(&self, name: &str) -> Result<Outcome, ExecuteError> {
        self.engine.execute(request(name, None)).await
    }

    /// Where the view of somebody who listens here stands.
    pub(crate) async fn seen(&self, scope: &Scope) -> Option<Tag> {
        let feed = self.engine.hub().join(scope).await.ok()?;
        Some(feed.shown().view.board.position.tag)
    }
}

/// Waits until the views of all nodes equal the store.
pub(crate) async fn all_equal(nodes: &[&Node], scopes: &[Scope]) {
    for scope in scopes {
        wait_until("equal views", async || {
            let Ok(stored) = nodes[0].engine.store().load(scope, &[]).await else { return false };
            for node in nodes {
                if node.seen(scope).await != Some(stored.position.tag) {
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
    let command = Command::Stopwatch(Ask::Start(start));
    Request { scope: scope(user), command, id: id.map(CommandId), by: None }
}

pub(crate) fn session(name: &str) -> SessionId {
    SessionId::new(name).expect("a good name")
}

pub(crate) fn scope(name: &str) -> Scope {
    Scope::User(UserId::new(name).expect("a good name"))
}

pub(crate) fn options(url: &str, node: &str) -> Options {
    Options::new(url.parse().expect("a good address"), node)
}
