//! Converts published messages to signals, in order of arrival.

use std::sync::Arc;

use engine::Update;
use engine::store::{Shards, Signal};
use fred::types::Message;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use crate::redis::decode::published_beat;
use crate::redis::keys::ChannelKind;
use crate::redis::shared::Shared;

/// Forwards messages of one server to the hub until the driver ends.
///
/// The function waits for the hub. If that takes too long, the driver drops messages and reports it, which is
/// treated as a lost connection.
pub(crate) async fn forward(
    mut messages: Receiver<Message>,
    shared: Arc<Shared>,
    owned: watch::Receiver<Shards>,
    probe_messages: watch::Sender<String>,
) {
    loop {
        let signal = match messages.recv().await {
            Ok(message) => match shared.keys.channel_kind(&message.channel, &shared.node) {
                ChannelKind::ProbeMessages => {
                    let text = message.value.as_string().unwrap_or_default();
                    if text.starts_with(&shared.instance) {
                        probe_messages.send_replace(text);
                    } else {
                        shared.report_duplicate();
                    }
                    continue;
                }
                ChannelKind::Beats => beat(&message, &shared),
                ChannelKind::Updates => update(message),
            },
            Err(RecvError::Lagged(missed)) => {
                shared.counters.dropped.add(missed);
                tracing::warn!(
                    missed,
                    "updates were dropped because the hub was too slow; positions are compared with the store"
                );
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
        tracing::warn!("malformed message on the beat's channel");
        tracing::debug!(%text, "the malformed beat");
        return None;
    };
    shared.observe_received_beat(&beat);
    Some(Signal::Beat(beat))
}

fn update(message: Message) -> Option<Signal> {
    match Update::decode(message.value.into_bytes()?) {
        Ok(update) => Some(Signal::Updated(Box::new(update))),
        Err(error) => {
            tracing::warn!("malformed message on the channel of a scope");
            tracing::debug!(channel = %message.channel, %error, "the malformed update");
            None
        }
    }
}
