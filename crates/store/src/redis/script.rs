//! Lua scripts, called by their hash and sent in full when the server does not have them.

use fred::clients::{Client, Pipeline};
use fred::error::Error;
use fred::interfaces::{ClientLike, LuaInterface};
use fred::types::{ClusterHash, CustomCommand, MultipleKeys, Value};

/// A Lua script.
pub(crate) struct Script {
    source: &'static str,
    hash: String,
}

impl Script {
    pub(crate) fn new(source: &'static str) -> Self {
        Self { source, hash: fred::util::sha1_hash(source) }
    }

    /// Runs the script. One round trip; two when the server lacks the script, as after each restart.
    pub(crate) async fn run(&self, client: &Client, keys: Vec<String>, args: Vec<Value>) -> Result<Value, Error> {
        // A copy of these keys shares their texts.
        let keys = MultipleKeys::from(keys);
        match client.evalsha(&self.hash, keys.clone(), args.clone()).await {
            // The script did not run, so this is its first run.
            Err(error) if is_noscript(&error) => client.eval(self.source, keys, args).await,
            result => result,
        }
    }

    /// Adds a call of the script to a pipeline.
    pub(crate) async fn queue(
        &self,
        pipeline: &Pipeline<Client>,
        call: ScriptCall,
        keys: &[String],
        args: &[Value],
    ) -> Result<(), Error> {
        let (command, script) = match call {
            ScriptCall::Hash => ("EVALSHA", self.hash.as_str()),
            ScriptCall::Source => ("EVAL", self.source),
        };
        let head = [script.to_owned(), keys.len().to_string()].into_iter().chain(keys.iter().cloned());
        let args: Vec<Value> = head.map(Value::from).chain(args.iter().cloned()).collect();
        pipeline.custom(CustomCommand::new_static(command, ClusterHash::FirstKey, false), args).await
    }
}

/// How a call identifies the script.
#[derive(Clone, Copy)]
pub(crate) enum ScriptCall {
    /// By its hash, which is unknown to a restarted server.
    Hash,
    /// By its source.
    Source,
}

/// Tells whether the server did not run a script because it lacks it.
pub(crate) fn is_noscript(error: &Error) -> bool {
    error.details().starts_with("NOSCRIPT")
}

#[cfg(test)]
mod tests {
    use engine::store::{
        ABSORBED_AS_DATE_MAX, COMMIT_ITEMS_MAX, COMMIT_REMOVALS_MAX, COMMIT_ROW_REMOVALS_MAX, COMMIT_ROWS_MAX,
        RECENT_ID_AGE_MAX, RECENT_IDS_MAX,
    };

    fn check(script: &str, declaration: &str) {
        assert!(script.lines().any(|line| line.starts_with(declaration)), "{declaration}");
    }

    #[test]
    fn the_limits_in_the_scripts_are_those_of_the_port() {
        let commit = include_str!("commit.lua");
        check(commit, &format!("local ITEMS_MAX, REMOVALS_MAX = {COMMIT_ITEMS_MAX}, {COMMIT_REMOVALS_MAX} "));
        check(commit, &format!("local ROWS_MAX, ROW_REMOVALS_MAX = {COMMIT_ROWS_MAX}, {COMMIT_ROW_REMOVALS_MAX} "));
        check(
            commit,
            &format!("local RECENT_IDS_MAX, RECENT_ID_AGE_MAX_MS = {RECENT_IDS_MAX}, {} ", RECENT_ID_AGE_MAX.0),
        );
        check(include_str!("beat.lua"), &format!("local ABSORBED_AS_DATE_MAX_MS = {} ", ABSORBED_AS_DATE_MAX.0));
    }
}
