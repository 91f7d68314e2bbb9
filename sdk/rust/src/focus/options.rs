//! The options of a Focus client.

use std::time::Duration;

use crate::options::ClientOptions;

/// The server's default of `focus.idle_after`.
const IDLE_AFTER: Duration = Duration::from_secs(15);

/// How a client connects, and which session it counts.
#[derive(Clone, Debug)]
#[must_use]
pub struct FocusOptions {
    pub(crate) client: ClientOptions,
    pub(crate) continues_on_open: bool,
    pub(crate) idle_after: Duration,
    pub(crate) zone: Option<String>,
}

impl FocusOptions {
    /// Returns the options of a client that counts the newest active session.
    pub fn new(client: ClientOptions) -> Self {
        Self { client, continues_on_open: true, idle_after: IDLE_AFTER, zone: None }
    }

    /// Sets whether the client counts the newest active session, also one that another device has started, which counts as
    /// activity. By default it does.
    pub fn continues_on_open(mut self, continues: bool) -> Self {
        self.continues_on_open = continues;
        self
    }

    /// Sets the server's `focus.idle_after`, for seconds that are displayed without the server; by default 15 s.
    pub fn idle_after(mut self, idle_after: Duration) -> Self {
        self.idle_after = idle_after;
        self
    }

    /// Sets the zone that decides when a day of the streak begins, by its name in the IANA database; by default UTC.
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = Some(zone.into());
        self
    }
}

impl From<ClientOptions> for FocusOptions {
    fn from(client: ClientOptions) -> Self {
        Self::new(client)
    }
}
