//! The change of a session from long polling to a WebSocket: a probe, after which the client ends its polls, and the
//! switch.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::socketio::polling::Polling;
use crate::socketio::session::Session;
use crate::websocket::{CloseReason, Disconnected, WebSocket, WebSocketEvent, frame};

/// Time within which a client must switch. It waits for at most one poll and one request meanwhile.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes a WebSocket the transport of a session that has claimed it. The session ends if that fails: the client has no
/// poll that could tell whether it still lives.
pub(super) async fn upgrade(session: Arc<Session>, mut websocket: Box<WebSocket>) {
    let Some(polling) = session.polling() else { return };
    let probed = tokio::select! {
        probed = timeout(UPGRADE_TIMEOUT, probe(polling, &mut websocket)) => probed,
        () = polling.closing() => Ok(Err(Disconnected::Close(CloseReason::ClosedByClient))),
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
