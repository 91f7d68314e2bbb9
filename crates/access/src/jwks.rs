//! The keys that an issuer publishes at an address and rotates at any time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep_until, timeout};

use crate::keys::{VerificationKey, parse_key_set};
use crate::settings::JwksSettings;

/// Largest accepted key set in bytes; a key takes about a kilobyte.
const KEY_SET_BYTES_MAX: usize = 256 * 1024;

/// Time limit of a fetch: a client may be waiting for it.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Shortest interval between fetches for tokens with an unknown key, because anyone can invent such tokens. A shorter
/// configured refresh interval takes precedence.
const REFETCH_PAUSE: Duration = Duration::from_secs(10);

/// Pauses between attempts while there are no keys at all: they double from the first to the second.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// The keys of one address. While it cannot be reached, the last fetched keys remain in use.
pub(crate) struct Jwks {
    url: Uri,
    refresh_every: Duration,
    refetch_pause: Duration,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    state: watch::Sender<KeyCache>,
    /// Signals that a token has an unknown key.
    refetch: Notify,
}

#[derive(Clone, Default)]
struct KeyCache {
    keys: Option<Arc<[VerificationKey]>>,
    attempted_at: Option<Instant>,
}

/// No keys have been fetched yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotFetched;

impl Jwks {
    pub(crate) fn new(settings: &JwksSettings, tls: ClientConfig) -> Self {
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        Self {
            url: settings.url.clone(),
            refresh_every: settings.refresh_every,
            refetch_pause: REFETCH_PAUSE.min(settings.refresh_every),
            client: Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector),
            state: watch::Sender::default(),
            refetch: Notify::new(),
        }
    }

    /// Returns the keys that satisfy `matches`.
    ///
    /// If none does, the issuer may have rotated its keys: the keys are fetched again, at most once in
    /// [`REFETCH_PAUSE`].
    pub(crate) async fn keys(
        &self,
        matches: impl Fn(&VerificationKey) -> bool,
    ) -> Result<Vec<VerificationKey>, NotFetched> {
        let matching = |state: &KeyCache| {
            let keys = state.keys.as_ref()?;
            Some(keys.iter().filter(|key| matches(key)).cloned().collect::<Vec<_>>())
        };
        let mut state = self.state.subscribe();
        let cached = matching(&state.borrow_and_update());
        if let Some(keys) = cached.filter(|keys| !keys.is_empty()) {
            return Ok(keys);
        }
        let is_recent = state.borrow().attempted_at.is_some_and(|at| at.elapsed() < self.refetch_pause);
        if !is_recent {
            // The caller may be cancelled at any time; the background task completes the fetch.
            self.refetch.notify_one();
            timeout(FETCH_TIMEOUT, state.changed()).await.ok();
        }
        let cached = matching(&state.borrow());
        cached.ok_or(NotFetched)
    }

    /// Returns whether keys have been fetched at least once.
    pub(crate) fn is_fetched(&self) -> bool {
        self.state.borrow().keys.is_some()
    }

    /// Fetches the keys at the configured interval, and when a token has an unknown key; never returns.
    pub(crate) async fn refresh_loop(&self) {
        let mut retry = RETRY.0;
        loop {
            self.fetch().await;
            let pause = if self.is_fetched() {
                // Jitter: many nodes may have started at the same time.
                self.refresh_every.mul_f64(0.9 + fastrand::f64() / 5.0)
            } else {
                retry = (retry * 2).min(RETRY.1);
                retry
            };
            let next = Instant::now() + pause;
            let earliest = Instant::now() + self.refetch_pause.min(pause);
            tokio::select! {
                () = sleep_until(next.into()) => {}
                () = self.refetch.notified() => sleep_until(earliest.into()).await,
            }
        }
    }

    async fn fetch(&self) {
        let fetched = timeout(FETCH_TIMEOUT, self.get())
            .await
            .unwrap_or_else(|_| Err("no answer within the time limit".to_owned()));
        let parsed = fetched.and_then(|set| parse_key_set(&set)).and_then(|keys| {
            if keys.is_empty() { Err("the set contains no key that can verify a token".to_owned()) } else { Ok(keys) }
        });
        let keys = match parsed {
            Ok(keys) => Some(keys.into()),
            Err(error) => {
                tracing::warn!(url = %self.url, %error, "cannot fetch the keys of an issuer; the last ones remain in use");
                None
            }
        };
        self.state.send_modify(|state| {
            state.attempted_at = Some(Instant::now());
            state.keys = keys.or(state.keys.take());
        });
    }

    async fn get(&self) -> Result<Bytes, String> {
        let response = self.client.get(self.url.clone()).await.map_err(|error| with_sources(&error))?;
        if response.status() != StatusCode::OK {
            return Err(format!("the status is {}", response.status()));
        }
        let body = Limited::new(response.into_body(), KEY_SET_BYTES_MAX).collect().await;
        Ok(body.map_err(|error| error.to_string())?.to_bytes())
    }
}

/// Returns the text of an error and of its sources: an HTTP client's error alone does not name the cause.
fn with_sources(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}
