//! The change of a session from long polling to a WebSocket: a probe, after which the client ends its polls, and the
//! switch.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::socketio::polling::Polling;
use crate::socketio::session::Session;
use crate::websocket::{CLOSE_TIMEOUT, CloseReason, Disconnected, WebSocket, WebSocketEvent, frame};

/// Time within which a client must switch. It waits for at most one poll and one request meanwhile.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// The claim of a WebSocket on a session. One that is dropped lets another WebSocket claim the session: the handshake has failed.
pub(super) struct UpgradeClaim(Option<Arc<Session>>);

impl UpgradeClaim {
    /// Claims a session; `None` if it cannot change its transport any more.
    pub(super) fn of(session: Arc<Session>) -> Option<Self> {
        session.polling()?.claim_upgrade().then_some(Self(Some(session)))
    }

    /// Makes a WebSocket the transport of the session.
    pub(super) async fn upgrade(mut self, websocket: Box<WebSocket>) {
        if let Some(session) = self.0.take() {
            upgrade(session, websocket).await;
        }
    }
}

impl Drop for UpgradeClaim {
    fn drop(&mut self) {
        if let Some(polling) = self.0.as_ref().and_then(|session| session.polling()) {
            polling.release_upgrade();
        }
    }
}

/// Makes a WebSocket the transport of a session that has claimed it. The session ends if that fails: the client has no
/// poll that could tell whether it still lives.
async fn upgrade(session: Arc<Session>, mut websocket: Box<WebSocket>) {
    let Some(polling) = session.polling() else { return };
    let probed = tokio::select! {
        probed = timeout(UPGRADE_TIMEOUT, probe(polling, &mut websocket)) => probed,
        () = polling.closing() => return close(polling, websocket).await,
    };
    let reason = match probed.unwrap_or(Err(Disconnected::Close(CloseReason::Protocol))) {
        Ok(()) => match session.upgrade(websocket) {
            None => return,
            // The session has ended meanwhile.
            Some(unused) => return unused.close(&CloseReason::ClosedByClient).await,
        },
        Err(Disconnected::Close(reason)) => reason,
        Err(Disconnected::Broken) => return polling.end(Disconnected::Broken),
    };
    polling.end(Disconnected::Close(reason.clone()));
    websocket.close(&reason).await;
}

/// Closes the WebSocket of a session that closes. A client that polls no more is sent the last packets by it, once it has switched:
/// before, it ignores them.
async fn close(polling: &Polling, mut websocket: Box<WebSocket>) {
    let Some(reason) = polling.reason_of_switching() else {
        return websocket.close(&CloseReason::ClosedByClient).await;
    };
    timeout(CLOSE_TIMEOUT, expect(&mut websocket, "5")).await.ok();
    // An error is none of the closing session's.
    websocket.write(&polling.take_waiting()).ok();
    websocket.close(&reason).await;
}

/// Waits until the client has shown that the WebSocket works, and has ended its polls.
async fn probe(polling: &Polling, websocket: &mut WebSocket) -> Result<(), Disconnected> {
    expect(websocket, "2probe").await?;
    polling.begin_upgrade();
    websocket.write(&[frame::text("3probe")])?;
    expect(websocket, "5").await
}

async fn expect(websocket: &mut WebSocket, packet: &str) -> Result<(), Disconnected> {
    loop {
        websocket.flush().await?;
        match websocket.next().await? {
            WebSocketEvent::Text(text) if text.as_str() == packet => return Ok(()),
            WebSocketEvent::Control => {}
            WebSocketEvent::Text(_) | WebSocketEvent::Binary(_) | WebSocketEvent::Signal { .. } => {
                return Err(Disconnected::Close(CloseReason::Protocol));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::limits::TokenBucket;
    use crate::websocket::{HeartbeatOptions, HeartbeatTimer};

    #[test]
    fn a_handshake_that_fails_lets_another_websocket_take_over() {
        let options = HeartbeatOptions { every: UPGRADE_TIMEOUT, within: UPGRADE_TIMEOUT };
        let (_, heartbeat) = HeartbeatTimer::new(options, Instant::now());
        let session = Arc::new(Session::of_polling(heartbeat, TokenBucket::new(1, 1)));
        let claim = UpgradeClaim::of(Arc::clone(&session)).expect("the session is open");
        assert!(UpgradeClaim::of(Arc::clone(&session)).is_none(), "one at a time");
        drop(claim);
        assert!(UpgradeClaim::of(session).is_some());
    }
}
