//! Frames that a person sends, several in one write.

use anyhow::Result;
use tokio::io::{AsyncWrite, AsyncWriteExt};

const ACTIVITY: &str = r#"{"type":"activity"}"#;

/// A message that is answered after all that was sent before, and that stores nothing.
const TIME_PING: &str = r#"{"type":"time-ping","t0":0}"#;

/// The frames of one connection, encoded once: a client that masks each frame anew costs more than the server.
pub(super) struct Outbox {
    activities: Vec<u8>,
    activities_and_ping: Vec<u8>,
}

impl Outbox {
    /// Encodes writes of so many activities each.
    pub(super) fn new(activities: usize) -> Self {
        let activities = frame(ACTIVITY).repeat(activities);
        let activities_and_ping = [activities.clone(), frame(TIME_PING)].concat();
        Self { activities, activities_and_ping }
    }

    /// Writes activities, and then a time ping if the instant of the first is to be known.
    pub(super) async fn write(&self, socket: &mut (impl AsyncWrite + Unpin), with_ping: bool) -> Result<()> {
        Ok(socket.write_all(if with_ping { &self.activities_and_ping } else { &self.activities }).await?)
    }
}

/// Encodes a text frame of a client.
fn frame(text: &str) -> Vec<u8> {
    const { assert!(ACTIVITY.len() < 126 && TIME_PING.len() < 126, "longer lengths are encoded otherwise") };
    let mask: [u8; 4] = fastrand::u32(..).to_ne_bytes();
    let payload = text.bytes().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask);
    [0x81, 0x80 | text.len() as u8].into_iter().chain(mask).chain(payload).collect()
}
