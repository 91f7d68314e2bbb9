//! Messages between the coordinator and its workers, one line of JSON each.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::message::Protocol;
use crate::observations::Observations;
use crate::scenario::Scenario;

/// A worker's part of a run; the first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Assignment {
    pub(crate) scenario: Scenario,
    pub(crate) protocol: Protocol,
    pub(crate) targets: Vec<SocketAddr>,
    /// The first connection, and the number of connections.
    pub(crate) first: usize,
    pub(crate) count: usize,
    /// The source address of the connections.
    pub(crate) source: Ipv4Addr,
}

impl Assignment {
    /// Returns the server of a connection: devices of a user are distributed over the servers, and so are users.
    pub(crate) fn target(&self, nth: usize) -> SocketAddr {
        let devices = self.scenario.devices();
        self.targets[(if devices > 1 { nth % devices } else { nth }) % self.targets.len()]
    }

    /// Returns the headers by which a connection is authenticated in development.
    pub(crate) fn headers(&self, nth: usize) -> Vec<(&'static str, String)> {
        match self.protocol {
            Protocol::Studio => {
                let organization = nth / self.scenario.devices() + 1;
                vec![("x-test-user-id", (nth + 1).to_string()), ("x-test-org-id", organization.to_string())]
            }
            Protocol::Centrifugo | Protocol::Clockit | Protocol::SocketIo | Protocol::Rooms => Vec::new(),
        }
    }
}

/// An order to a worker. The worker exits at the end of its standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum WorkOrder {
    /// Start to record.
    Begin,
    /// Start the disturbance of the scenario, if it has one.
    Act,
    /// End the sessions.
    End,
    /// Report the observations since [`WorkOrder::Begin`].
    Report,
}

/// A message of a worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum WorkerMessage {
    /// The number of ready connections and of failures.
    Progress { ready: usize, failures: u64 },
    /// All connections are ready.
    Ready,
    /// The reply to [`WorkOrder::Report`].
    Report(Box<Observations>),
}
