//! Whether what is published on the command link is heard on the subscriber's: only then are the two on
//! one server, allowed to use our channels, and alive.

use std::time::Duration;

use fred::clients::Client;
use fred::interfaces::{ClientLike, PubsubInterface};
use fred::types::InfoKind;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a probe may take.
const HEARD_WITHIN: Duration = Duration::from_secs(2);

/// Publishes a word and waits until it is heard.
pub(crate) async fn hears_itself(
    commands: &Client,
    channel: &str,
    word: &str,
    mut probed: watch::Receiver<String>,
) -> Result<(), String> {
    let published: Result<i64, _> = commands.publish(channel, word).await;
    if let Err(error) = published {
        return Err(format!("the node may not publish on {channel}: {}", error.details()));
    }
    let heard = timeout(HEARD_WITHIN, probed.wait_for(|heard| heard == word)).await;
    match heard {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(format!(
            "what is published on {channel} is not heard: the subscription was refused, or the connections are on \
             different servers"
        )),
    }
}

/// Refuses a server that may drop keys when its memory is full.
pub(crate) async fn keeps_what_it_stores(commands: &Client) -> Result<(), String> {
    let info: String = commands.info(Some(InfoKind::Memory)).await.map_err(|error| error.details().to_owned())?;
    let policy = info.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")).map(str::trim);
    match policy {
        Some("noeviction") | None => Ok(()),
        Some(policy) => Err(format!("maxmemory-policy is {policy}, which drops timers; set it to noeviction")),
    }
}

/// Tells whether a client has its connection.
pub(crate) fn is_up(client: &impl ClientLike) -> bool {
    client.is_connected()
}
