//! What all connections of a node have in common.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use engine::Clock;
use engine::store::{BeatAnswer, Shard, Shards, Signal};
use timers::{Millis, Scope, Timestamp};
use tokio::sync::{Notify, mpsc};

use crate::redis::counts::Counts;
use crate::redis::keys::{Keys, shard_of_beat};
use crate::redis::script::Script;
use crate::redis::span::Place;
use crate::redis::wanted::Wanted;

/// What all connections of a node have in common.
pub(crate) struct Shared {
    pub(crate) keys: Keys,
    pub(crate) node: String,
    /// Whether channels belong to slots, as in a cluster.
    pub(crate) sharded: bool,
    /// The server as spans name it.
    pub(crate) place: Place,
    pub(crate) counts: Counts,
    pub(crate) wanted: Wanted,
    pub(crate) signals: mpsc::Sender<Signal>,
    pub(crate) commit: Script,
    pub(crate) beat: Script,
    pub(crate) vacate: Script,
    pub(crate) put_off: Script,
    /// Told when a server says that a slot is elsewhere.
    pub(crate) moved: Notify,
    /// Cluster time, as the beats tell it.
    clock: Clock,
    absorbed: Mutex<Millis>,
    heard: AtomicU64,
}

impl Shared {
    pub(crate) fn new(keys: Keys, node: String, sharded: bool, place: Place, signals: mpsc::Sender<Signal>) -> Self {
        Self {
            keys,
            node,
            sharded,
            place,
            counts: Counts::default(),
            wanted: Wanted::new(),
            signals,
            commit: Script::new(include_str!("commit.lua")),
            beat: Script::new(include_str!("beat.lua")),
            vacate: Script::new(include_str!("vacate.lua")),
            put_off: Script::new(include_str!("put_off.lua")),
            moved: Notify::new(),
            clock: Clock::new(Box::new(engine::BootClock)),
            absorbed: Mutex::new(Millis(0)),
            heard: AtomicU64::new(0),
        }
    }

    /// Returns the command that publishes.
    pub(crate) fn publish(&self) -> &'static str {
        if self.sharded { "SPUBLISH" } else { "PUBLISH" }
    }

    /// Returns the shard of a scope's channel that nobody wants any more.
    pub(crate) fn unwanted(&self, channel: &str) -> Option<Shard> {
        let scope: Scope = channel.split_once("}:")?.1.parse().ok()?;
        let shard = Shard::of(&scope);
        (!self.wanted.has(shard, channel)).then_some(shard)
    }

    /// Takes note of a beat, however it was learnt.
    pub(crate) fn learn(&self, beat: &BeatAnswer) {
        self.clock.observe(beat.now);
        *self.absorbed.lock().unwrap_or_else(PoisonError::into_inner) = beat.absorbed;
    }

    /// Takes note of what the clock of a server says that owns some shards: if the beat's is among them, it is
    /// cluster time but for what it has absorbed.
    pub(crate) fn learn_time(&self, now: Timestamp, owned: Shards) {
        if owned.contains(shard_of_beat()) {
            self.clock.observe(now + self.absorbed());
        }
    }

    /// Takes note of a beat that came by its channel.
    pub(crate) fn hear(&self, beat: &BeatAnswer) {
        self.heard.store(beat.beat.0, Ordering::Relaxed);
        self.learn(beat);
    }

    /// Returns the last beat that came by its channel.
    pub(crate) fn last_heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Returns how far cluster time is ahead of the node's own clock, in ms.
    pub(crate) fn ahead(&self) -> Option<i128> {
        self.clock.ahead()
    }

    /// Returns how far the clock of the server that holds the beat is behind cluster time.
    pub(crate) fn absorbed(&self) -> Millis {
        *self.absorbed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
