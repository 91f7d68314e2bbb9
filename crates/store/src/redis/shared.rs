//! State shared by all Redis connections of a node.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use engine::Clock;
use engine::store::{BeatStatus, Shard, Shards, Signal};
use timers::{Millis, Timestamp};
use tokio::sync::{Notify, mpsc};

use crate::known_scopes::KnownScopes;
use crate::redis::cluster_name::ClusterName;
use crate::redis::counters::Counters;
use crate::redis::damaged_shards::DamagedShards;
use crate::redis::desired_channels::DesiredChannels;
use crate::redis::keys::{Keys, beat_shard};
use crate::redis::script::Script;
use crate::redis::span::Endpoint;

/// Interval at which a lasting fault of the configuration or of the stored data is logged again.
pub(crate) const REPEAT_INTERVAL: Duration = Duration::from_secs(600);

/// State shared by all Redis connections of a node.
pub(crate) struct Shared {
    pub(crate) keys: Keys,
    pub(crate) node: String,
    /// A random text that tells this process from others with the same node name.
    pub(crate) instance: String,
    pub(crate) cluster_name: ClusterName,
    /// Whether channels belong to slots, as in a cluster.
    pub(crate) sharded: bool,
    /// The server's address in spans.
    pub(crate) endpoint: Endpoint,
    pub(crate) counters: Counters,
    pub(crate) damaged_shards: DamagedShards,
    pub(crate) desired: DesiredChannels,
    pub(crate) known_scopes: KnownScopes,
    pub(crate) signals: mpsc::Sender<Signal>,
    pub(crate) commit: Script,
    pub(crate) beat: Script,
    pub(crate) vacate: Script,
    pub(crate) postpone: Script,
    pub(crate) count_history: Script,
    pub(crate) history_ties: Script,
    pub(crate) remove_stale_terms: Script,
    pub(crate) extend: Script,
    pub(crate) export: Script,
    pub(crate) continue_time: Script,
    pub(crate) put_report: Script,
    pub(crate) read_reports: Script,
    /// Notified when a server reports that a slot is elsewhere.
    pub(crate) moved: Notify,
    /// Cluster time, from the beats.
    clock: Clock,
    absorbed: Mutex<Millis>,
    received_beat: AtomicU64,
    /// When the log last had a line about another process with the same node name.
    duplicate_logged_at: Mutex<Option<Instant>>,
}

impl Shared {
    pub(crate) fn new(
        keys: Keys,
        node: String,
        cluster_name: Option<String>,
        sharded: bool,
        endpoint: Endpoint,
        signals: mpsc::Sender<Signal>,
    ) -> Self {
        Self {
            keys,
            node,
            instance: format!("{:016x}", fastrand::u64(..)),
            cluster_name: ClusterName::new(cluster_name),
            sharded,
            endpoint,
            counters: Counters::default(),
            damaged_shards: DamagedShards::default(),
            desired: DesiredChannels::new(),
            known_scopes: KnownScopes::new(),
            signals,
            commit: Script::new(include_str!("commit.lua")),
            beat: Script::new(include_str!("beat.lua")),
            vacate: Script::new(include_str!("vacate.lua")),
            postpone: Script::new(include_str!("postpone.lua")),
            count_history: Script::new(include_str!("count_history.lua")),
            history_ties: Script::new(include_str!("history_ties.lua")),
            remove_stale_terms: Script::new(include_str!("remove_stale_terms.lua")),
            extend: Script::new(include_str!("extend.lua")),
            export: Script::new(include_str!("export.lua")),
            continue_time: Script::new(include_str!("continue_time.lua")),
            put_report: Script::new(include_str!("put_report.lua")),
            read_reports: Script::new(include_str!("read_reports.lua")),
            moved: Notify::new(),
            clock: Clock::new(Box::new(engine::BootClock)),
            absorbed: Mutex::new(Millis(0)),
            received_beat: AtomicU64::new(0),
            duplicate_logged_at: Mutex::default(),
        }
    }

    /// Returns the command that publishes.
    pub(crate) fn publish(&self) -> &'static str {
        if self.sharded { "SPUBLISH" } else { "PUBLISH" }
    }

    /// Returns the shard of a scope's channel if the channel is no longer desired.
    pub(crate) fn undesired_shard(&self, channel: &str) -> Option<Shard> {
        let scope = self.keys.scope_of_channel(channel)?;
        let shard = Shard::of(&scope);
        (!self.desired.contains(shard, channel)).then_some(shard)
    }

    /// Records the time of a beat, from its channel or from a reply.
    pub(crate) fn observe_beat(&self, beat: &BeatStatus) {
        self.clock.observe(beat.now);
        self.clock.set_absorbed(beat.absorbed);
        *self.absorbed.lock() = beat.absorbed;
    }

    /// Records a reading of the clock of a server that owns some shards. If the beat's shard is among them, the
    /// reading plus the absorbed steps is cluster time.
    pub(crate) fn observe_server_time(&self, now: Timestamp, owned: Shards) {
        if owned.contains(beat_shard()) {
            let now = now + self.absorbed();
            // Only a beat tells of a step, but the first reading need not wait for one.
            if self.clock.ahead().is_some() { self.clock.refine(now) } else { self.clock.observe(now) }
        }
    }

    /// Records a beat that arrived on its channel.
    pub(crate) fn observe_received_beat(&self, beat: &BeatStatus) {
        self.received_beat.store(beat.beat.0, Ordering::Relaxed);
        self.observe_beat(beat);
    }

    /// Logs that another process has this node's name, at once and then at intervals.
    pub(crate) fn report_duplicate(&self) {
        let mut logged_at = self.duplicate_logged_at.lock();
        if logged_at.is_none_or(|logged_at| logged_at.elapsed() > REPEAT_INTERVAL) {
            *logged_at = Some(Instant::now());
            tracing::error!(
                node = %self.node,
                "another process has the same node.id on the same database and prefix: each needs its own id, and each \
                 cluster its own database or prefix"
            );
        }
    }

    /// Returns the last beat that arrived on its channel.
    pub(crate) fn last_received_beat(&self) -> u64 {
        self.received_beat.load(Ordering::Relaxed)
    }

    /// Returns how far cluster time is ahead of the node's own clock, in ms.
    pub(crate) fn cluster_offset(&self) -> Option<i128> {
        self.clock.ahead()
    }

    /// Returns how far the clock of the beat's server is behind cluster time.
    pub(crate) fn absorbed(&self) -> Millis {
        *self.absorbed.lock()
    }
}
