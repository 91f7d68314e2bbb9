//! From published messages to signals, in the order they came.

use std::sync::Arc;

use engine::Update;
use engine::store::{Shards, Signal};
use fred::types::Message;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use crate::redis::answer::published_beat;
use crate::redis::keys::{Carried, Keys};
use crate::redis::shared::Shared;

/// Carries messages of one server to the hub until the driver ends.
///
/// It waits for the hub; when that takes too long the driver drops messages and says so, which is a lost
/// link like any other.
pub(crate) async fn carry(
    mut messages: Receiver<Message>,
    shared: Arc<Shared>,
    owned: watch::Receiver<Shards>,
    probed: watch::Sender<String>,
) {
    loop {
        let signal = match messages.recv().await {
            Ok(message) => match Keys::carried(&message.channel, &shared.node) {
                Carried::Words => {
                    probed.send_replace(message.value.as_string().unwrap_or_default());
                    continue;
                }
                Carried::Beats => beat(&message, &shared),
                Carried::Updates => update(&message),
            },
            Err(RecvError::Lagged(missed)) => {
                shared.counts.dropped.add(missed);
                tracing::warn!(missed, "updates were dropped unread; views are compared with the store");
                let shards = *owned.borrow();
                if shared.signals.send(Signal::Lost(shards)).await.is_err() {
                    return;
                }
                Some(Signal::Restored(shards))
            }
            Err(RecvError::Closed) => return,
        };
        if let Some(signal) = signal
            && shared.signals.send(signal).await.is_err()
        {
            return;
        }
    }
}

fn beat(message: &Message, shared: &Shared) -> Option<Signal> {
    let text = message.value.as_str()?;
    if text == "vacant" {
        return Some(Signal::Vacant);
    }
    let Some(beat) = published_beat(&text) else {
        tracing::warn!("somebody publishes nonsense on the channel of the beat");
        tracing::debug!(%text, "this");
        return None;
    };
    shared.hear(&beat);
    Some(Signal::Beat(beat))
}

fn update(message: &Message) -> Option<Signal> {
    match Update::decode(message.value.as_bytes()?) {
        Ok(update) => Some(Signal::Updated(Box::new(update))),
        Err(error) => {
            tracing::warn!("somebody publishes nonsense on a channel of ours");
            tracing::debug!(channel = %message.channel, %error, "this one");
            None
        }
    }
}
