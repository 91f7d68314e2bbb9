//! Lua scripts, called by their hash and brought along when the server does not know them.

use fred::clients::{Client, Pipeline};
use fred::error::Error;
use fred::interfaces::{ClientLike, LuaInterface};
use fred::types::{ClusterHash, CustomCommand, Value};

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
            Err(error) if is_unknown(&error) => client.eval(self.source, keys, args).await,
            answered => answered,
        }
    }

    /// Queues a call in a pipeline.
    pub(crate) async fn queue(
        &self,
        pipeline: &Pipeline<Client>,
        call: Call,
        keys: &[String],
        args: &[Value],
    ) -> Result<(), Error> {
        let (command, script) = match call {
            Call::Hash => ("EVALSHA", self.hash.as_str()),
            Call::Source => ("EVAL", self.source),
        };
        let head = [script.to_owned(), keys.len().to_string()].into_iter().chain(keys.iter().cloned());
        let words: Vec<Value> = head.map(Value::from).chain(args.iter().cloned()).collect();
        pipeline.custom(CustomCommand::new_static(command, ClusterHash::FirstKey, false), words).await
    }
}

/// How a script is named to the server.
#[derive(Clone, Copy)]
pub(crate) enum Call {
    /// By its hash, which a server that was restarted does not know.
    Hash,
    /// By itself.
    Source,
}

/// Tells whether the server did not run a script because it does not know it.
pub(crate) fn is_unknown(error: &Error) -> bool {
    error.details().starts_with("NOSCRIPT")
}
