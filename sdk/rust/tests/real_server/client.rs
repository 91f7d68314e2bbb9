//! Clients, and waiting for what they show.

use std::future::Future;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use harness::DEADLINE;
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
