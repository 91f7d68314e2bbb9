//! From published messages to signals, in the order they came.

use std::sync::Arc;

use engine::Update;
use engine::store::Signal;
use fred::types::Message;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, watch};

use crate::redis::answer::published_beat;

/// Which channels carry something else than updates.
pub(crate) struct Channels {
    pub(crate) beat: String,
    pub(crate) probe: String,
}

/// Carries messages to the hub until the driver ends.
///
/// It waits for the hub; when that takes too long the driver drops messages and says so, which is a lost
/// link like any other.
pub(crate) async fn carry(
    mut messages: Receiver<Message>,
    channels: Arc<Channels>,
    signals: mpsc::Sender<Signal>,
    probed: watch::Sender<String>,
) {
    loop {
        let signal = match messages.recv().await {
            Ok(message) if *message.channel == *channels.probe => {
                probed.send_replace(message.value.as_string().unwrap_or_default());
                continue;
            }
            Ok(message) => read(&message, &channels),
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "updates were dropped unread; all views are compared with the store");
                if signals.send(Signal::Lost).await.is_err() {
                    return;
                }
                Some(Signal::Restored)
            }
            Err(RecvError::Closed) => return,
        };
        if let Some(signal) = signal
            && signals.send(signal).await.is_err()
        {
            return;
        }
    }
}

fn read(message: &Message, channels: &Channels) -> Option<Signal> {
    if *message.channel == *channels.beat {
        let text = message.value.as_str()?;
        if text == "vacant" {
            return Some(Signal::Vacant);
        }
        let beat = published_beat(&text);
        if beat.is_none() {
            tracing::warn!(text = %text, "somebody publishes nonsense on the channel of the beat");
        }
        return beat.map(Signal::Beat);
    }
    match Update::decode(message.value.as_bytes()?) {
        Ok(update) => Some(Signal::Updated(Box::new(update))),
        Err(error) => {
            tracing::warn!(channel = %message.channel, %error, "somebody publishes nonsense on a channel of ours");
            None
        }
    }
}
