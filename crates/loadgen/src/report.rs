//! The report of a run, as a table and as JSON.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::message::Protocol;
use crate::observations::{Counts, Durations, Observations};
use crate::redis_calls::RedisCalls;
use crate::scenario::{Scenario, Work};
use crate::usage::Usage;

/// The report of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) scenario: Scenario,
    #[serde(rename = "speech")]
    pub(crate) protocol: Protocol,
    /// Number of servers.
    pub(crate) targets: usize,
    pub(crate) memory: Memory,
    pub(crate) windows: Vec<Window>,
}

/// Memory per connection, bytes.
#[derive(Debug, Serialize)]
pub(crate) struct Memory {
    /// In the servers.
    pub(crate) resident_a_connection: f64,
    /// In the kernel, for one end of the connection.
    pub(crate) kernel_a_connection: f64,
}

impl Memory {
    pub(crate) fn of(empty: &Usage, full: &Usage, connections: usize) -> Self {
        let each = |empty: u64, full: u64| (full as f64 - empty as f64) / connections as f64;
        Self {
            resident_a_connection: each(empty.resident, full.resident),
            kernel_a_connection: each(empty.kernel, full.kernel) / 2.0,
        }
    }
}

/// The measurements of one window.
#[derive(Debug, Serialize)]
pub(crate) struct Window {
    pub(crate) name: String,
    pub(crate) seconds: f64,
    /// Processor time of the servers.
    pub(crate) processor_seconds: f64,
    /// Messages delivered per second of processor time of the servers.
    pub(crate) messages_a_processor_second: f64,
    /// Memory of the servers at the end, bytes.
    pub(crate) resident: u64,
    /// Calls that Redis executed.
    pub(crate) redis: Option<RedisCalls>,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    pub(crate) late: Option<Quantiles>,
    pub(crate) update: Option<Quantiles>,
    pub(crate) last: Option<Quantiles>,
    pub(crate) ready: Option<Quantiles>,
    pub(crate) heartbeat: Option<Quantiles>,
    pub(crate) post: Option<Quantiles>,
}

/// Quantiles of durations, ms.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl Quantiles {
    fn of(durations: &Durations) -> Option<Self> {
        (durations.count() > 0).then(|| Self {
            p50_ms: durations.ms_at(0.5),
            p99_ms: durations.ms_at(0.99),
            max_ms: durations.ms_at(1.0),
        })
    }
}

impl Window {
    pub(crate) fn of(name: &str, took: Duration, before: &Usage, after: &Usage, observations: Observations) -> Self {
        let processor_seconds = after.processor_seconds - before.processor_seconds;
        Self {
            name: name.to_owned(),
            seconds: took.as_secs_f64(),
            processor_seconds,
            messages_a_processor_second: if processor_seconds > 0.0 {
                observations.counts.messages as f64 / processor_seconds
            } else {
                0.0
            },
            resident: after.resident,
            redis: after.redis.zip(before.redis).map(|(after, before)| after.since(before)),
            late: Quantiles::of(&observations.late),
            update: Quantiles::of(&observations.update),
            last: Quantiles::of(&observations.last),
            ready: Quantiles::of(&observations.ready),
            heartbeat: Quantiles::of(&observations.heartbeat),
            post: Quantiles::of(&observations.post),
            counts: observations.counts,
        }
    }
}

impl Report {
    /// Returns an error if clients did not receive all updates and ticks.
    pub(crate) fn verdict(&self) -> Result<()> {
        for window in &self.windows {
            let Window { name, counts: Counts { missing, doubled, errors, messages, failures, .. }, .. } = window;
            ensure!(failures.is_empty(), "{name}: connections failed");
            ensure!(missing + doubled + errors == 0, "{name}: seconds missing, doubled, or commands rejected");
            ensure!(*messages > 0 || self.scenario.sessions() == 0, "{name}: no client received a message");
            ensure!(window.counts.wrong == 0, "{name}: sessions are counted wrong");
        }
        if matches!(self.scenario.work, Work::Focus { .. }) {
            let compared: u64 = self.windows.iter().map(|window| window.counts.compared).sum();
            ensure!(compared == self.scenario.connections as u64, "only {compared} sessions are compared");
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, memory, .. } = self;
        writeln!(f, "{}: {} connections to {} server(s)", scenario.name, scenario.connections, self.targets)?;
        writeln!(
            f,
            "  memory a connection   {:.1} KiB, and {:.1} KiB of the kernel",
            memory.resident_a_connection / 1024.0,
            memory.kernel_a_connection / 1024.0
        )?;
        self.windows.iter().try_for_each(|window| window.fmt(f))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {} ({:.1} s)", self.name, self.seconds)?;
        let quantiles = [
            ("late", self.late),
            ("update", self.update),
            ("last update", self.last),
            ("ready", self.ready),
            ("heartbeat", self.heartbeat),
            ("post", self.post),
        ];
        for (name, Quantiles { p50_ms, p99_ms, max_ms }) in
            quantiles.iter().filter_map(|(name, of)| Some((name, (*of)?)))
        {
            writeln!(f, "    {name:<20}p50 {p50_ms:.1} ms   p99 {p99_ms:.1} ms   max {max_ms:.1} ms")?;
        }
        writeln!(
            f,
            "    messages            {}, {:.0} a second of processor time ({:.2} s)",
            self.counts.messages, self.messages_a_processor_second, self.processor_seconds
        )?;
        writeln!(
            f,
            "    ticks               {}, {} seconds missing, {} doubled",
            self.counts.ticks, self.counts.missing, self.counts.doubled
        )?;
        if self.counts.sent > 0 {
            writeln!(
                f,
                "    commands            {} sent, {} done, {} refused",
                self.counts.sent, self.counts.acks, self.counts.errors
            )?;
        }
        if let Some(RedisCalls { scripts, loads }) = self.redis {
            let each = |calls: u64| calls as f64 / self.seconds;
            writeln!(
                f,
                "    Redis               {:.0} scripts and {:.0} loads a second ({scripts} and {loads})",
                each(scripts),
                each(loads)
            )?;
        }
        let Counts { activities, compared, uncertain, wrong, .. } = self.counts;
        if activities > 0 {
            let micros = self.processor_seconds * 1e6 / activities as f64;
            writeln!(f, "    activities          {activities} sent, {micros:.2} µs of processor time each")?;
        }
        if compared > 0 {
            writeln!(
                f,
                "    sessions            {compared} compared, {wrong} wrong, {uncertain} not known to the second"
            )?;
        }
        for (reason, count) in &self.counts.failures {
            writeln!(f, "    failed              {count} times: {reason}")?;
        }
        Ok(())
    }
}
