//! What the engine and its store count themselves.

use std::sync::{Arc, Weak};

use engine::Engine;
use engine::store::SHARDS;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use crate::metrics::observed::{Figure, counters, gauges};

type Read = fn(&Engine) -> u64;

/// A count, told apart by one label.
type Cases = &'static [(&'static str, Read)];

/// Counts that only grow.
const COUNTERS: &[Figure<Engine>] = &[
    ("tickcast.commits", "Changes committed by this node", |engine| engine.stats().commits.get()),
    ("tickcast.commands.repeated", "Commands recognised as done before", |engine| engine.stats().repeated.get()),
    ("tickcast.commands.unknown", "Commands of which it stayed unknown whether they were done", |engine| {
        engine.stats().unknown_outcomes.get()
    }),
    (
        "tickcast.damaged",
        "Times that something stored could not be read, or was refused for what is stored",
        |engine| engine.stats().damaged.get(),
    ),
    ("tickcast.store.unsafe", "Commits that replicas did not have in time (store.replicas_ack)", |engine| {
        engine.store().tally().unsafe_yet
    }),
    ("tickcast.loads", "Boards loaded from the store", |engine| engine.stats().loads.get()),
    ("tickcast.beats.refused", "Beats not shown because they came late or twice", |engine| {
        engine.stats().beats_refused.get()
    }),
    ("tickcast.elections.won", "Times that this node began to lead", |engine| engine.stats().elections_won.get()),
    ("tickcast.leader.changes", "Times that another node, or this one, began to lead", |engine| {
        engine.stats().leader_changes.get()
    }),
    ("tickcast.clock.steps", "Times that the store's clock was moved by more than a second", |engine| {
        engine.clock().steps()
    }),
    ("tickcast.ticks.sent", "Ticks written to clients", |engine| engine.stats().ticks_sent.get()),
    (
        "tickcast.ticks.behind",
        "Ticks that could not be written at once, and were left to the client's own task",
        |engine| engine.stats().ticks_behind.get(),
    ),
    ("tickcast.ticks.dropped", "Ticks that a client was never shown, being more than five seconds behind", |engine| {
        engine.stats().ticks_dropped.get()
    }),
    ("tickcast.links.lost", "Times that updates may have been missed, and views fell in doubt", |engine| {
        engine.stats().links_lost.get()
    }),
    ("tickcast.deadlines.fired", "Deadlines carried out by this node", |engine| engine.stats().deadlines_fired.get()),
    ("tickcast.deadlines.failed", "Deadlines that could not be carried out when they were due", |engine| {
        engine.stats().deadlines_failed.get()
    }),
    ("tickcast.store.connected", "Times that a server of the store was connected to and found usable", |engine| {
        engine.store().tally().established
    }),
    ("tickcast.store.lost", "Times that a server of the store could not be used any more", |engine| {
        engine.store().tally().lost
    }),
    ("tickcast.store.unpublished", "Changes committed of which the store refused to tell other nodes", |engine| {
        engine.store().tally().unpublished
    }),
    ("tickcast.store.signals.dropped", "Messages of the store that were not read in time", |engine| {
        engine.store().tally().dropped
    }),
];

/// Counts that only grow, told apart by a label: the name, what it is, the label and its cases.
const LABELLED: &[(&str, &str, &str, Cases)] = &[
    (
        "tickcast.retries",
        "Attempts at a command that had to be repeated, by cause",
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
        "Changes heard from other nodes, by what was done with them",
        "result",
        &[
            ("applied", |engine| engine.stats().updates_applied.get()),
            ("skipped", |engine| engine.stats().updates_skipped.get()),
        ],
    ),
    (
        "tickcast.resyncs",
        "Views that were loaded anew, by cause",
        "cause",
        &[
            ("gap", |engine| engine.stats().gaps.get()),
            ("position", |engine| engine.stats().positions_differed.get()),
            ("unread", |engine| engine.stats().positions_unread.get()),
            ("outcome", |engine| engine.stats().outcomes_doubted.get()),
        ],
    ),
    (
        "tickcast.beats",
        "Seconds shown, by how the node knew of them",
        "source",
        &[
            ("heard", |engine| engine.stats().beats.get().saturating_sub(engine.stats().beats_filled.get())),
            ("reckoned", |engine| engine.stats().beats_filled.get()),
        ],
    ),
];

/// What is so now.
const GAUGES: &[Figure<Engine>] = &[
    ("tickcast.leader", "1 while this node gives the beat", |engine| u64::from(engine.gives_beat())),
    (
        "tickcast.time.certain",
        "1 while the time shown is certain: the store was heard within beat.holdover",
        |engine| u64::from(*engine.certainty().borrow()),
    ),
    ("tickcast.store.ready", "1 while the store can be used", |engine| u64::from(engine.store().ready().is_ok())),
    ("tickcast.store.subscriptions", "Channels of Redis that this node wants to hear", |engine| {
        engine.store().tally().watched
    }),
    ("tickcast.store.shards", "Of 256 parts of the store, those that can be used", |engine| {
        let whole = if engine.store().ready().is_ok() { SHARDS as u64 } else { 0 };
        engine.store().tally().shards.unwrap_or(whole)
    }),
    ("tickcast.views", "Boards that this node holds a copy of", |engine| engine.hub().scopes() as u64),
    ("tickcast.rooms", "Rooms with members on this node", |engine| engine.presence().count().0 as u64),
    ("tickcast.members", "Members of rooms on this node", |engine| engine.presence().count().1 as u64),
    ("tickcast.deadlines.begun", "Deadlines that this node is carrying out, or waits for the instant of", |engine| {
        engine.deadlines_begun() as u64
    }),
    ("tickcast.deadlines.overdue", "Deadlines over two seconds late that this node found as the leader", |engine| {
        engine.stats().deadlines_overdue.get()
    }),
];

/// Measures what an engine counts.
pub(super) fn observe(meter: &Meter, engine: &Arc<Engine>) {
    counters(meter, engine, COUNTERS);
    gauges(meter, engine, GAUGES);
    for (name, what, label, cases) in LABELLED {
        let engine: Weak<Engine> = Arc::downgrade(engine);
        meter
            .u64_observable_counter(*name)
            .with_description(*what)
            .with_callback(move |counter| {
                let Some(engine) = engine.upgrade() else { return };
                for (case, read) in *cases {
                    counter.observe(read(&engine), &[KeyValue::new(*label, *case)]);
                }
            })
            .build();
    }
    let engine = Arc::downgrade(engine);
    meter
        .u64_observable_gauge("tickcast.scopes")
        .with_description("Scopes that somebody listens to on this node, by kind")
        .with_callback(move |gauge| {
            let Some(engine) = engine.upgrade() else { return };
            for (kind, count) in engine.hub().listened_to() {
                gauge.observe(count as u64, &[KeyValue::new("kind", kind)]);
            }
        })
        .build();
}
