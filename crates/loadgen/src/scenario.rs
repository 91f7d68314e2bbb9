//! Scenarios, read from TOML files.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

/// Most connections per worker process: the limit of open files is 20,000, and one address has some 28,000 ports.
const CONNECTIONS_PER_PROCESS: usize = 10_000;

/// A scenario.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// The name in the report; by default the file's name.
    #[serde(default)]
    pub(crate) name: String,
    /// Number of connections.
    pub(crate) connections: usize,
    /// Connections opened per second.
    #[serde(default = "Scenario::default_pace")]
    pub(crate) connections_a_second: usize,
    /// Pause without measurement after all connections are ready, so that the effects of connecting have ended.
    #[serde(default = "Scenario::default_settling")]
    pub(crate) settle_seconds: u64,
    /// Length of each measurement window.
    pub(crate) seconds: u64,
    /// The activity of the clients.
    pub(crate) work: Work,
}

/// The activity of the clients.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Work {
    /// None: each connection is a separate user that has joined.
    Idle {},
    /// Each connection is a user with running sessions.
    Ticks {
        /// Sessions per user.
        sessions: usize,
    },
    /// Several connections are devices of one user, distributed over the servers; one of them pauses and resumes a
    /// session.
    Mutate {
        /// Devices per user.
        devices: usize,
        /// Mutations per second of all users together. Without it, each user's next one follows the acknowledgement of the
        /// last.
        rate: Option<f64>,
    },
    /// All connections disconnect and reconnect at once.
    Storm {},
    /// As `ticks`; then some clients stop reading.
    Slow {
        /// Sessions per user.
        sessions: usize,
        /// Percentage of the clients that stop.
        percent: usize,
    },
    /// Each connection is a person with an open page of the punch clock, which sends requests over HTTP.
    Days {
        /// Seconds between two heartbeats of a page.
        heartbeat_seconds: f64,
        /// Seconds between two posts of a page.
        post_seconds: f64,
    },
    /// Each connection is a person who tracks a focus session: first without activity, then with activity, and at last to
    /// the end of the session, whose counters are compared with those that the generator expects.
    Focus {
        /// Activities per second of a connection.
        activities_a_second: usize,
        /// Writes per second in which a connection sends them.
        writes_a_second: usize,
    },
    /// As `ticks` with one session; then clients disconnect and reconnect at a rate.
    Churn {
        /// Reconnections per second.
        rate: f64,
    },
}

impl Scenario {
    fn default_pace() -> usize {
        1000
    }

    fn default_settling() -> u64 {
        3
    }

    /// Reads a scenario from a file.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let read = || {
            let mut scenario: Self = toml::from_str(&std::fs::read_to_string(file)?)?;
            if scenario.name.is_empty() {
                scenario.name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            }
            ensure!(scenario.connections > 0 && scenario.connections_a_second > 0, "connections must be more than 0");
            ensure!(scenario.devices() > 0, "devices must be more than 0");
            if let Work::Focus { activities_a_second, writes_a_second } = scenario.work {
                let is_whole = writes_a_second > 0 && activities_a_second.is_multiple_of(writes_a_second);
                ensure!(is_whole && activities_a_second > 0, "each write must have the same number of activities");
            }
            Ok(scenario)
        };
        read().with_context(|| file.display().to_string())
    }

    /// Returns the number of worker processes. All devices of a user are in one process.
    pub(crate) fn processes(&self) -> usize {
        self.connections.div_ceil(CONNECTIONS_PER_PROCESS).max(2).min(self.connections / self.devices()).max(1)
    }

    /// Returns the number of connections per user.
    pub(crate) fn devices(&self) -> usize {
        match self.work {
            Work::Mutate { devices, .. } => devices,
            Work::Idle {}
            | Work::Ticks { .. }
            | Work::Storm {}
            | Work::Slow { .. }
            | Work::Days { .. }
            | Work::Focus { .. }
            | Work::Churn { .. } => 1,
        }
    }

    /// Returns the number of running sessions per user.
    pub(crate) fn sessions(&self) -> usize {
        match self.work {
            Work::Idle {} | Work::Storm {} | Work::Days { .. } | Work::Focus { .. } => 0,
            Work::Mutate { .. } | Work::Churn { .. } => 1,
            Work::Ticks { sessions } | Work::Slow { sessions, .. } => sessions,
        }
    }

    /// Tells whether a connection stops reading.
    pub(crate) fn is_slow(&self, connection: usize) -> bool {
        matches!(self.work, Work::Slow { percent, .. } if connection % 100 < percent)
    }
}
