//! What a run and its processes say to each other, a line of JSON each.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::message::Speech;
use crate::scenario::Scenario;
use crate::seen::Seen;

/// A process's share in a run; its first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Share {
    pub(crate) scenario: Scenario,
    pub(crate) speech: Speech,
    pub(crate) targets: Vec<SocketAddr>,
    /// Its first connection, and how many it has.
    pub(crate) first: usize,
    pub(crate) count: usize,
    /// Where its connections come from.
    pub(crate) source: Ipv4Addr,
}

/// What a process is told then. It ends with its standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Begin to count.
    Begin,
    /// Do what the scenario is about, if it is more than to be there.
    Act,
    /// Tell what was seen since the beginning.
    Report,
}

/// What a process tells.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Word {
    /// How many connections are where they should be, and how often one failed.
    Progress { ready: usize, failures: u64 },
    /// All are.
    Ready,
    /// The answer to [`Order::Report`].
    Seen(Box<Seen>),
}
