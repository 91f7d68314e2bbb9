//! What is to be measured, as a file says it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

/// Most connections of one process: files are limited to 20,000, and ports of one address to some 28,000.
const CONNECTIONS_OF_A_PROCESS: usize = 10_000;

/// What is to be measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// What it is called in the report; the file's name.
    #[serde(default)]
    pub(crate) name: String,
    /// How many connections.
    pub(crate) connections: usize,
    /// How many are opened a second.
    #[serde(default = "Scenario::usual_pace")]
    pub(crate) connections_a_second: usize,
    /// How long nothing is measured after all have come: what that left behind is gone then.
    #[serde(default = "Scenario::usual_settling")]
    pub(crate) settle_seconds: u64,
    /// For how long it is measured, in each window.
    pub(crate) seconds: u64,
    /// What the clients do.
    pub(crate) work: Work,
}

/// What the clients do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Work {
    /// Nothing: each is a user of its own and has joined.
    Idle {},
    /// Each is a user with so many running sessions.
    Ticks {
        /// Sessions of a user.
        sessions: usize,
    },
    /// So many connections are devices of one user, on servers in turn; one of them pauses and resumes a session.
    Mutate {
        /// Devices of a user.
        devices: usize,
        /// Mutations a second, of all users together.
        rate: f64,
    },
    /// All connections break and come back at once.
    Storm {},
    /// As `ticks`; then some stop reading.
    Slow {
        /// Sessions of a user.
        sessions: usize,
        /// How many of a hundred stop.
        percent: usize,
    },
    /// As `ticks` with one session; then so many a second leave and come back.
    Churn {
        /// How many a second.
        rate: f64,
    },
}

impl Scenario {
    fn usual_pace() -> usize {
        1000
    }

    fn usual_settling() -> u64 {
        3
    }

    /// Reads a file.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let read = || {
            let mut scenario: Self = toml::from_str(&std::fs::read_to_string(file)?)?;
            if scenario.name.is_empty() {
                scenario.name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            }
            ensure!(scenario.connections > 0 && scenario.connections_a_second > 0, "connections must be more than 0");
            ensure!(scenario.devices() > 0, "devices must be more than 0");
            Ok(scenario)
        };
        read().with_context(|| file.display().to_string())
    }

    /// Returns into how many processes the connections are spread. Devices of a user stay together.
    pub(crate) fn processes(&self) -> usize {
        self.connections.div_ceil(CONNECTIONS_OF_A_PROCESS).max(2).min(self.connections / self.devices()).max(1)
    }

    /// Returns how many connections a user has.
    pub(crate) fn devices(&self) -> usize {
        match self.work {
            Work::Mutate { devices, .. } => devices,
            Work::Idle {} | Work::Ticks { .. } | Work::Storm {} | Work::Slow { .. } | Work::Churn { .. } => 1,
        }
    }

    /// Returns how many sessions a user has running.
    pub(crate) fn sessions(&self) -> usize {
        match self.work {
            Work::Idle {} | Work::Storm {} => 0,
            Work::Mutate { .. } | Work::Churn { .. } => 1,
            Work::Ticks { sessions } | Work::Slow { sessions, .. } => sessions,
        }
    }

    /// Tells whether a connection is one of those that stop reading.
    pub(crate) fn is_slow(&self, connection: usize) -> bool {
        matches!(self.work, Work::Slow { percent, .. } if connection % 100 < percent)
    }
}
