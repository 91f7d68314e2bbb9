//! Clients, and waiting for what they show.

use std::future::Future;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use harness::DEADLINE;
use serde_json::Value;
use tickcast_client::{ClientOptions, ClockitClient, Credential};
use tokio::sync::watch;
use tokio::time::timeout;

/// Fails a test that waits for too long.
pub(crate) async fn within<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("timed out waiting for {what}"))
}

/// Waits until a snapshot holds.
pub(crate) async fn until<S>(
    what: &str,
    receiver: &mut watch::Receiver<Arc<S>>,
    holds: impl FnMut(&Arc<S>) -> bool,
) -> Arc<S> {
    within(what, receiver.wait_for(holds)).await.expect("the client is open").clone()
}

pub(crate) fn options(port: u16) -> ClientOptions {
    ClientOptions::new(&format!("http://127.0.0.1:{port}")).unwrap()
}

pub(crate) fn ada(port: u16) -> ClockitClient {
    ClockitClient::open(options(port).credential(Credential::user("ada")))
}

pub(crate) fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

const SECRET: &str = "a secret of the tests, long enough";

/// The settings of a node that accepts the tokens of [`sign`].
pub(crate) const TOKEN_SETTINGS: [(&str, &str); 3] =
    [("auth.modes", "jwt"), ("auth.jwt.secret", SECRET), ("auth.jwt.leeway", "0s")];

/// Returns a token that is valid for some seconds.
pub(crate) fn sign(mut claims: Value, valid_seconds: i64) -> String {
    claims["exp"] = (unix_ms() / 1000 + valid_seconds).into();
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}
