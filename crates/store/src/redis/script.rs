//! Lua scripts, called by their hash and brought along when the server does not know them.

use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::LuaInterface;
use fred::types::Value;

/// A script.
pub(crate) struct Script {
    source: &'static str,
    hash: String,
}

impl Script {
    pub(crate) fn new(source: &'static str) -> Self {
        Self { source, hash: fred::util::sha1_hash(source) }
    }

    /// Runs the script. One round trip; two when the server has forgotten it, as after each restart.
    pub(crate) async fn run(&self, client: &Client, keys: Vec<String>, args: Vec<Value>) -> Result<Value, Error> {
        match client.evalsha(&self.hash, keys.clone(), args.clone()).await {
            // The script was not run, so running it now is the first time.
            Err(error) if error.details().starts_with("NOSCRIPT") => client.eval(self.source, keys, args).await,
            answered => answered,
        }
    }
}
