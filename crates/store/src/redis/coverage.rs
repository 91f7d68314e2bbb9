//! Reports cluster servers that stop all shards when one has no primary.

use std::collections::{BTreeMap, BTreeSet};

use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::ClientLike;
use fred::types::{ClusterHash, CustomCommand};
use tokio::time::timeout;

use crate::redis::cluster::REPLY_TIMEOUT;
use crate::redis::fault::is_server_reply;
use crate::redis::slot_owners::Address;

/// The setting of Redis; its default is `yes`.
const SETTING: &str = "cluster-require-full-coverage";

/// The servers whose setting is known, or can't be read.
#[derive(Default)]
pub(crate) struct Coverage(BTreeSet<Address>);

impl Coverage {
    /// Tells whether a server has not been asked yet.
    pub(crate) fn is_unknown(&self, address: &Address) -> bool {
        !self.0.contains(address)
    }

    /// Asks a server once, and reports a setting that stops all shards.
    pub(crate) async fn check(&mut self, address: &Address, commands: &Client) {
        match timeout(REPLY_TIMEOUT, requires_full_coverage(commands)).await {
            Ok(Ok(true)) => tracing::warn!(
                server = %address,
                "{SETTING} is yes: while one shard has no primary, Redis serves no shard at all; set it to no"
            ),
            Ok(Ok(false)) => {}
            // The permission is not required.
            Ok(Err(error)) if is_server_reply(&error) => {
                tracing::debug!(server = %address, %error, "{SETTING} can't be read");
            }
            Ok(Err(_)) | Err(_) => return,
        }
        self.0.insert(address.clone());
    }
}

async fn requires_full_coverage(commands: &Client) -> Result<bool, Error> {
    let command = CustomCommand::new_static("CONFIG GET", ClusterHash::FirstKey, false);
    let settings: BTreeMap<String, String> = commands.custom(command, vec![SETTING]).await?;
    Ok(settings.get(SETTING).is_some_and(|value| value == "yes"))
}
