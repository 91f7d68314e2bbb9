//! Keys that an issuer publishes at an address and changes when it likes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep_until, timeout};

use crate::cause::chain;
use crate::config::JwksSettings;
use crate::keys::{Key, read_set};

/// Largest set that is read; a key has a kilobyte.
const SET_BYTES_MAX: usize = 256 * 1024;

/// How long a fetch may take: somebody waits for it.
const FETCH_WITHIN: Duration = Duration::from_secs(5);

/// How soon keys are fetched again for a token whose key is not known, unless they are fetched more often anyway: anybody
/// can make up such tokens.
const REFETCH_PAUSE: Duration = Duration::from_secs(10);

/// Pauses between attempts while there are no keys at all: they double from the first to the second.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// The keys of one address; the last good ones stay while it is away.
pub(super) struct Jwks {
    url: Uri,
    every: Duration,
    refetch_pause: Duration,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    state: watch::Sender<State>,
    /// Somebody lacks a key.
    wanted: Notify,
}

#[derive(Clone, Default)]
struct State {
    keys: Option<Arc<[Key]>>,
    tried_at: Option<Instant>,
}

/// There are no keys yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoneYet;

impl Jwks {
    /// # Errors
    /// What is wrong with the file of certificates, in words.
    pub(super) fn new(settings: &JwksSettings) -> Result<Self, String> {
        let roots = store::tls::roots(settings.ca_file.as_deref())?;
        let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        Ok(Self {
            url: settings.url.clone(),
            every: settings.every,
            refetch_pause: REFETCH_PAUSE.min(settings.every),
            client: Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector),
            state: watch::Sender::default(),
            wanted: Notify::new(),
        })
    }

    /// Returns the keys that satisfy `fits`. If none does they may have changed, and are fetched anew, though not again
    /// and again.
    pub(super) async fn keys(&self, fits: impl Fn(&Key) -> bool) -> Result<Vec<Key>, NoneYet> {
        let fitting = |state: &State| {
            let keys = state.keys.as_ref()?;
            Some(keys.iter().filter(|key| fits(key)).cloned().collect::<Vec<_>>())
        };
        let mut state = self.state.subscribe();
        let known = fitting(&state.borrow_and_update());
        if let Some(keys) = known.filter(|keys| !keys.is_empty()) {
            return Ok(keys);
        }
        let was_just_tried = state.borrow().tried_at.is_some_and(|at| at.elapsed() < self.refetch_pause);
        if !was_just_tried {
            // Whoever asks may leave at any time; the fetch goes on, and counts.
            self.wanted.notify_one();
            timeout(FETCH_WITHIN, state.changed()).await.ok();
        }
        let known = fitting(&state.borrow());
        known.ok_or(NoneYet)
    }

    /// Tells whether there ever were keys.
    pub(super) fn is_known(&self) -> bool {
        self.state.borrow().keys.is_some()
    }

    /// Fetches the keys now and then, and when somebody lacks one, for ever.
    pub(super) async fn keep_fresh(&self) {
        let mut retry = RETRY.0;
        loop {
            self.fetch().await;
            let rest = if self.is_known() {
                // Many nodes began together.
                self.every.mul_f64(0.9 + fastrand::f64() / 5.0)
            } else {
                retry = (retry * 2).min(RETRY.1);
                retry
            };
            let next = Instant::now() + rest;
            let earliest = Instant::now() + self.refetch_pause.min(rest);
            tokio::select! {
                () = sleep_until(next.into()) => {}
                () = self.wanted.notified() => sleep_until(earliest.into()).await,
            }
        }
    }

    async fn fetch(&self) {
        let fetched = timeout(FETCH_WITHIN, self.get()).await.unwrap_or_else(|_| Err("it does not answer".to_owned()));
        let read = fetched.and_then(|set| read_set(&set)).and_then(|keys| {
            if keys.is_empty() { Err("there is no key that could check a token".to_owned()) } else { Ok(keys) }
        });
        let keys = match read {
            Ok(keys) => Some(keys.into()),
            Err(why) => {
                tracing::warn!(url = %self.url, %why, "keys can't be fetched; the last ones stay");
                None
            }
        };
        self.state.send_modify(|state| {
            state.tried_at = Some(Instant::now());
            state.keys = keys.or(state.keys.take());
        });
    }

    async fn get(&self) -> Result<Bytes, String> {
        let answer = self.client.get(self.url.clone()).await.map_err(|error| chain(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(format!("it answers {}", answer.status()));
        }
        let body = Limited::new(answer.into_body(), SET_BYTES_MAX).collect().await;
        Ok(body.map_err(|error| error.to_string())?.to_bytes())
    }
}
