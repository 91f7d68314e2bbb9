//! Metrics that the engine and its store count themselves.

use std::sync::{Arc, Weak};

use engine::Engine;
use engine::store::SHARDS;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use timers::{MILLIS_PER_BEAT, ScopeKind};

use crate::ops::metrics::observed::{Observation, counters, gauges};

type Read = fn(&Engine) -> u64;

/// The values of a label, and the functions that read their counts.
type LabelValues = &'static [(&'static str, Read)];

/// Counters.
const COUNTERS: &[Observation<Engine>] = &[
    ("tickcast.commits", "Changes committed by this node", |engine| engine.stats().commits.get()),
    ("tickcast.commands.repeated", "Commands recognised as already done", |engine| engine.stats().repeated.get()),
    ("tickcast.commands.unknown", "Commands whose outcome remained unknown", |engine| {
        engine.stats().unknown_outcomes.get()
    }),
    (
        "tickcast.damaged",
        "Stored data that could not be read, or that the store refused because of what is stored",
        |engine| engine.stats().damaged.get() + engine.store().counters().damaged,
    ),
    ("tickcast.store.unsafe", "Commits not confirmed by the replicas in time (store.replicas_ack)", |engine| {
        engine.store().counters().unreplicated
    }),
    ("tickcast.loads", "Boards loaded from the store", |engine| engine.stats().loads.get()),
    ("tickcast.beats.refused", "Beats discarded as late or repeated", |engine| engine.stats().beats_refused.get()),
    ("tickcast.elections.won", "Leader changes to this node", |engine| engine.stats().elections_won.get()),
    ("tickcast.leader.changes", "Leader changes that this node observed", |engine| engine.stats().leader_changes.get()),
    ("tickcast.clock.steps", "Steps of the store's clock by over a second", |engine| engine.clock().steps()),
    ("tickcast.ticks.sent", "Ticks written to clients", |engine| engine.stats().ticks_sent.get()),
    (
        "tickcast.ticks.behind",
        "Ticks that did not fit into the socket buffer and were left to the client's own task",
        |engine| engine.stats().ticks_deferred.get(),
    ),
    ("tickcast.ticks.dropped", "Ticks never shown, because the client was over five seconds behind", |engine| {
        engine.stats().ticks_dropped.get()
    }),
    (
        "tickcast.links.lost",
        "Times that changes may have been missed, so that all views behind the link are compared",
        |engine| engine.stats().links_lost.get(),
    ),
    ("tickcast.deadlines.fired", "Deadlines carried out by this node", |engine| engine.stats().deadlines_fired.get()),
    ("tickcast.deadlines.failed", "Deadlines that could not be carried out when due", |engine| {
        engine.stats().deadlines_failed.get()
    }),
    ("tickcast.store.connected", "Times that a server of the store became usable", |engine| {
        engine.store().counters().established
    }),
    ("tickcast.store.lost", "Times that a server of the store ceased to be usable", |engine| {
        engine.store().counters().lost
    }),
    ("tickcast.store.unpublished", "Committed changes that the store refused to publish", |engine| {
        engine.store().counters().unpublished
    }),
    ("tickcast.store.signals.dropped", "Messages of the store that arrived faster than they were read", |engine| {
        engine.store().counters().dropped
    }),
];

/// Counters with a label: the name, the description, the label and its values.
const LABELLED_COUNTERS: &[(&str, &str, &str, LabelValues)] = &[
    (
        "tickcast.retries",
        "Repeated attempts at commands, by cause",
        "cause",
        &[
            ("rival", |engine| engine.stats().conflicts.get()),
            ("late", |engine| engine.stats().late.get()),
            ("stale", |engine| engine.stats().stale.get()),
            ("store", |engine| engine.stats().store_retries.get()),
        ],
    ),
    (
        "tickcast.updates",
        "Changes received from other nodes, by result",
        "result",
        &[
            ("applied", |engine| engine.stats().updates_applied.get()),
            ("skipped", |engine| engine.stats().updates_skipped.get()),
        ],
    ),
    (
        "tickcast.resyncs",
        "Views invalidated and reloaded, by cause",
        "cause",
        &[
            ("gap", |engine| engine.stats().gaps.get()),
            ("position", |engine| engine.stats().positions_differed.get()),
            ("unread", |engine| engine.stats().positions_unread.get()),
            ("outcome", |engine| engine.stats().unknown_outcome_reloads.get()),
        ],
    ),
    (
        "tickcast.beats",
        "Seconds shown, by source: heard from the leader, or reckoned by the node's own clock",
        "source",
        &[
            ("heard", |engine| engine.stats().beats.get().saturating_sub(engine.stats().beats_filled.get())),
            ("reckoned", |engine| engine.stats().beats_filled.get()),
        ],
    ),
];

/// Gauges.
const GAUGES: &[Observation<Engine>] = &[
    ("tickcast.leader", "1 while this node emits the beat and the store accepts it", |engine| {
        u64::from(engine.is_active_leader())
    }),
    ("tickcast.time.certain", "1 while the node has heard from the store within beat.holdover", |engine| {
        u64::from(*engine.time_validity().borrow())
    }),
    ("tickcast.store.ready", "1 while the store is usable", |engine| u64::from(engine.store().ready().is_ok())),
    ("tickcast.store.subscriptions", "Channels of scopes that this node subscribes to", |engine| {
        engine.store().counters().watched
    }),
    ("tickcast.store.shards", "Usable shards of the store, out of 256", |engine| {
        let whole = if engine.store().ready().is_ok() { SHARDS as u64 } else { 0 };
        engine.store().counters().shards.unwrap_or(whole)
    }),
    ("tickcast.views", "Boards held in memory", |engine| engine.hub().scopes() as u64),
    ("tickcast.rooms", "Rooms with members on this node", |engine| engine.presence().count(&ScopeKind::Room).0 as u64),
    ("tickcast.members", "Members of rooms on this node", |engine| engine.presence().count(&ScopeKind::Room).1 as u64),
    ("tickcast.deadlines.begun", "Deadlines in progress or waiting for their instant", |engine| {
        engine.deadlines_in_flight() as u64
    }),
    (
        "tickcast.deadlines.overdue",
        "Deadlines over two seconds late, in the leader's last query; a shard that it could not read counts as one",
        |engine| engine.stats().deadlines_overdue.get(),
    ),
    (
        "tickcast.store.shards.damaged",
        "Shards whose deadlines can't be read because of what is stored, in the leader's last query",
        |engine| if engine.is_leader() { engine.store().counters().damaged_shards } else { 0 },
    ),
];

/// Gauges of seconds.
const SECOND_GAUGES: &[Observation<Engine>] = &[(
    "tickcast.clock.behind",
    "How far the store's own clock is behind the time that timers are measured by, after steps back",
    |engine| engine.clock().absorbed().0 / MILLIS_PER_BEAT,
)];

/// Gauges of bytes.
const BYTE_GAUGES: &[Observation<Engine>] = &[
    (
        "tickcast.store.used",
        "Used memory of the fullest Redis server, or used space of the disk of the store",
        |engine| engine.store().counters().capacity.map_or(0, |capacity| capacity.used),
    ),
    ("tickcast.store.limit", "The memory or disk space that the store can use; 0 if unknown", |engine| {
        engine.store().counters().capacity.map_or(0, |capacity| capacity.limit)
    }),
];

/// Registers the metrics of an engine.
pub(super) fn observe(meter: &Meter, engine: &Arc<Engine>) {
    counters(meter, engine, COUNTERS);
    gauges(meter, engine, "", GAUGES);
    gauges(meter, engine, "s", SECOND_GAUGES);
    gauges(meter, engine, "By", BYTE_GAUGES);
    for (name, description, label, values) in LABELLED_COUNTERS {
        let engine: Weak<Engine> = Arc::downgrade(engine);
        meter
            .u64_observable_counter(*name)
            .with_description(*description)
            .with_callback(move |counter| {
                let Some(engine) = engine.upgrade() else { return };
                for (value, read) in *values {
                    counter.observe(read(&engine), &[KeyValue::new(*label, *value)]);
                }
            })
            .build();
    }
    let engine = Arc::downgrade(engine);
    meter
        .u64_observable_gauge("tickcast.scopes")
        .with_description("Scopes with subscribers on this node, by kind")
        .with_callback(move |gauge| {
            let Some(engine) = engine.upgrade() else { return };
            for (kind, count) in engine.hub().listened_to() {
                gauge.observe(count as u64, &[KeyValue::new("kind", kind)]);
            }
        })
        .build();
}
