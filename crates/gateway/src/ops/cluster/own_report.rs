//! What a node tells of itself.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use engine::store::{Persistence, ServerDetails, ServerStatus};
use serde_json::{Map, Value, json};
use timers::ScopeKind;

use crate::node::Node;
use crate::ops::cluster::refusal_counts;
use crate::ops::drain::DrainPhase;
use crate::ops::metrics::REVISION;

/// The name of the machine or the container.
static HOST: LazyLock<Option<String>> = LazyLock::new(|| {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(host.trim().to_owned()).filter(|host| !host.is_empty())
});

/// Returns the state of this node. Readers of other versions skip fields that they do not know, and show nothing for those
/// that are missing.
pub(super) fn of(node: &Node) -> Map<String, Value> {
    let (rooms, members) = node.engine.presence().count(&ScopeKind::Room);
    let ready = node.ready();
    let fields = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "revision": REVISION,
        "host": *HOST,
        "public": node.settings.public.listen,
        "internal": node.settings.internal_listen,
        "uptimeSeconds": node.started.elapsed().as_secs(),
        "ready": ready.is_ok(),
        "why": ready.err(),
        "drain": drain(node),
        "connections": {
            "count": node.connections.count(),
            "limit": node.settings.limits.connections,
            "byDialect": node.metrics.connected_by_dialect(),
        },
        "rooms": rooms,
        "members": members,
        "views": node.engine.hub().scopes(),
        "leader": node.engine.leader(),
        "beatLagMs": node.engine.stats().beat_lag_ms.get(),
        "refusals": refusals(node),
        "store": store(node),
    });
    if let Value::Object(fields) = fields { fields } else { Map::new() }
}

/// Returns how far the shutdown has come; `null` if none has begun.
fn drain(node: &Node) -> Value {
    let (phase, ends_by) = match *node.drain.phase().borrow() {
        DrainPhase::Serving => return Value::Null,
        DrainPhase::Leaving(ends_by) => ("leaving", ends_by),
        DrainPhase::Closing(_, ends_by) => ("closing", ends_by),
    };
    let left = ends_by.saturating_duration_since(Instant::now());
    json!({ "phase": phase, "endsWithinMs": millis(left), "sockets": node.drain.sockets() })
}

/// Returns the recent refusals by reason, without the reasons for which there was none.
fn refusals(node: &Node) -> Map<String, Value> {
    let recent = node.cluster.refusals.within_window(Instant::now(), &refusal_counts(node));
    let reasons = node.metrics.refusals().into_iter().map(|(reason, _)| reason);
    let counts = reasons.zip(recent).filter(|(_, count)| *count > 0);
    counts.map(|(reason, count)| (reason.to_owned(), json!(count))).collect()
}

fn store(node: &Node) -> Value {
    let store = node.engine.store();
    let ready = store.ready();
    let latency = *node.cluster.latency.lock();
    json!({
        "url": node.settings.store.url.to_string(),
        "ready": ready.is_ok(),
        "why": ready.err(),
        "latencyMs": latency.map(|latency| latency.as_secs_f64() * 1000.0),
        "servers": store.servers().iter().map(server).collect::<Vec<Value>>(),
    })
}

fn server(status: &ServerStatus) -> Value {
    let ServerStatus { name, ready, shards, details } = status;
    let ServerDetails { version, role, replicas, memory_policy, capacity, persistence } = details;
    json!({
        "name": name,
        "ready": ready.is_ok(),
        "why": ready.as_ref().err(),
        "shards": shards,
        "version": version,
        "role": role,
        "replicas": replicas,
        "memoryPolicy": memory_policy,
        "used": capacity.map(|capacity| capacity.used),
        "limit": capacity.map(|capacity| capacity.limit),
        "persistence": persistence.as_ref().map(persistence_fields),
    })
}

fn persistence_fields(persistence: &Persistence) -> Value {
    let Persistence { is_append_only, is_append_failing, is_snapshot_failing, unsaved_changes, saved_at } = persistence;
    json!({
        "appendOnly": is_append_only,
        "appendFailing": is_append_failing,
        "snapshotFailing": is_snapshot_failing,
        "unsavedChanges": unsaved_changes,
        "savedAt": saved_at,
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
