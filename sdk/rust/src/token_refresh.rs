//! Presents a fresh token on an open connection before the current one expires, so that the connection stays open.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::backoff::{Backoff, Random};
use crate::credential::Credentials;
use crate::error::ConnectionError;

/// A fresh token is presented this long before the expiry, or half the remaining time before if that is less.
const LEAD: Duration = Duration::from_mins(1);

/// A token that expires at once is replaced after this pause: a provider can return the same one again.
const PAUSE: Duration = Duration::from_millis(250);

const RETRY: Backoff = Backoff { base: Duration::from_secs(2), cap: Duration::from_secs(30) };

/// The tokens of one client's connections.
pub(crate) struct TokenRefresh {
    credentials: Arc<Credentials>,
    fetched: mpsc::Sender<Result<String, ConnectionError>>,
    random: Random,
    refresh_at: Option<Instant>,
    /// The expiry of a token that cannot be scheduled before the server's time is known.
    unscheduled: Option<i64>,
    /// The request that presents a fresh token.
    request_id: Option<String>,
    failures: u32,
    is_online: bool,
}

impl TokenRefresh {
    /// Fetched tokens are sent to `fetched`.
    pub(crate) fn new(
        credentials: Arc<Credentials>,
        fetched: mpsc::Sender<Result<String, ConnectionError>>,
        random: Random,
    ) -> Self {
        Self {
            credentials,
            fetched,
            random,
            refresh_at: None,
            unscheduled: None,
            request_id: None,
            failures: 0,
            is_online: false,
        }
    }

    /// Processes the handshake of a link that has presented the last token.
    pub(crate) fn go_online(&mut self, now: Instant, server_now: Option<i64>) {
        (self.is_online, self.failures) = (true, 0);
        self.credentials.accept();
        self.schedule(self.credentials.expires_at(), now, server_now);
    }

    pub(crate) fn go_offline(&mut self) {
        (self.is_online, self.request_id, self.refresh_at, self.unscheduled) = (false, None, None, None);
    }

    /// Processes that the server's time is known.
    pub(crate) fn handle_time(&mut self, now: Instant, server_now: i64) {
        if let Some(expires_at) = self.unscheduled {
            self.schedule(Some(expires_at), now, Some(server_now));
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.refresh_at
    }

    pub(crate) fn handle_deadline(&mut self, now: Instant) {
        if self.refresh_at.is_none_or(|at| at > now) {
            return;
        }
        self.refresh_at = None;
        let (credentials, fetched) = (Arc::clone(&self.credentials), self.fetched.clone());
        tokio::spawn(async move {
            if let Some(token) = credentials.fresh_token().await {
                // The client may have gone.
                fetched.send(token).await.ok();
            }
        });
    }

    /// Processes a fetched token. Returns the token to present, if there is a connection: without one, the next dial asks
    /// for a token.
    pub(crate) fn handle_fetched(&mut self, token: Result<String, ConnectionError>, now: Instant) -> Option<String> {
        if !self.is_online {
            return None;
        }
        match token {
            Ok(token) => Some(token),
            Err(_) => {
                self.retry(now);
                None
            }
        }
    }

    /// Notes the id of the request that presents a fresh token.
    pub(crate) fn set_request(&mut self, id: String) {
        self.request_id = Some(id);
    }

    /// Tells whether an answer with this id belongs to a presented token.
    pub(crate) fn is_request(&self, id: &str) -> bool {
        self.request_id.as_deref() == Some(id)
    }

    pub(crate) fn handle_accepted(&mut self, expires_at: Option<i64>, now: Instant, server_now: Option<i64>) {
        (self.request_id, self.failures) = (None, 0);
        self.credentials.accept();
        self.schedule(expires_at, now, server_now);
    }

    pub(crate) fn handle_rejected(&mut self, now: Instant) {
        self.credentials.reject();
        self.handle_unverified(now);
    }

    /// Processes that the server cannot verify the token at present: the token is as good as before.
    pub(crate) fn handle_unverified(&mut self, now: Instant) {
        self.request_id = None;
        self.retry(now);
    }

    fn schedule(&mut self, expires_at: Option<i64>, now: Instant, server_now: Option<i64>) {
        (self.refresh_at, self.unscheduled) = (None, None);
        let Some(expires_at) = expires_at.filter(|_| self.credentials.is_renewable()) else { return };
        let Some(server_now) = server_now else { return self.unscheduled = Some(expires_at) };
        let remaining = expires_at.saturating_sub(server_now).max(0);
        let remaining = Duration::from_millis(remaining.unsigned_abs());
        self.refresh_at = now.checked_add(remaining.saturating_sub(LEAD.min(remaining / 2)).max(PAUSE));
    }

    fn retry(&mut self, now: Instant) {
        self.refresh_at = Some(now + RETRY.base + RETRY.delay(self.failures, &mut self.random));
        self.failures = self.failures.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::{Credential, TokenRequest};

    fn refresh(credential: Credential) -> (TokenRefresh, mpsc::Receiver<Result<String, ConnectionError>>) {
        let (fetched, received) = mpsc::channel(1);
        let random: Random = Box::new(|| 1.0);
        (TokenRefresh::new(Arc::new(Credentials::new(credential)), fetched, random), received)
    }

    #[tokio::test(start_paused = true)]
    async fn a_fresh_token_is_presented_a_minute_before_the_expiry() {
        let (mut refresh, mut fetched) = refresh(Credential::token_provider(|_| async { Ok("fresh".to_owned()) }));
        let start = Instant::now();
        refresh.go_online(start, Some(0));
        assert_eq!(refresh.deadline(), None, "an opaque token has no known expiry");
        refresh.handle_accepted(Some(600_000), start, None);
        assert_eq!(refresh.deadline(), None, "the server's time is unknown");
        refresh.handle_time(start, 300_000);
        assert_eq!(refresh.deadline(), Some(start + Duration::from_secs(240)));
        refresh.handle_accepted(Some(600_000), start, Some(0));
        assert_eq!(refresh.deadline(), Some(start + Duration::from_secs(540)));
        refresh.handle_accepted(Some(0), start, Some(0));
        assert_eq!(
            refresh.deadline(),
            Some(start + Duration::from_millis(250)),
            "a provider may return the same token"
        );
        refresh.handle_accepted(Some(60_000), start, Some(0));
        assert_eq!(refresh.deadline(), Some(start + Duration::from_secs(30)));
        refresh.handle_deadline(start + Duration::from_secs(30));
        let token = fetched.recv().await.unwrap();
        assert_eq!(refresh.handle_fetched(token, start).as_deref(), Some("fresh"));
        refresh.set_request("1".to_owned());
        assert!(refresh.is_request("1") && !refresh.is_request("2"));
        refresh.go_offline();
        assert!(!refresh.is_request("1"));
        assert_eq!(refresh.handle_fetched(Ok("late".to_owned()), start), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_is_rejected_or_missing_is_asked_for_again() {
        let provider = |request: TokenRequest| async move { request.rejected.ok_or_else(|| "none yet".into()) };
        let (mut refresh, _fetched) = refresh(Credential::token_provider(provider));
        let start = Instant::now();
        refresh.go_online(start, Some(0));
        assert_eq!(refresh.handle_fetched(Err(ConnectionError::lost("x")), start), None);
        assert_eq!(refresh.deadline(), Some(start + Duration::from_secs(4)));
        refresh.handle_rejected(start);
        assert_eq!(refresh.deadline(), Some(start + Duration::from_secs(6)));
    }

    #[tokio::test]
    async fn a_token_that_does_not_change_is_not_refreshed() {
        let (mut refresh, _fetched) = refresh(Credential::token("x"));
        refresh.handle_accepted(Some(1_000), Instant::now(), Some(0));
        assert_eq!(refresh.deadline(), None);
    }
}
