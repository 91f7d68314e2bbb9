//! Reading the secrets, keys and static tokens of authentication again when their files change.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::node::Node;

/// How often the files are checked for changes.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// Uses new keys whenever their files change; never returns. If the new files are faulty, the current keys stay in use.
pub(crate) async fn reload_on_change(node: Arc<Node>) {
    let files = &node.settings.key_files;
    // The files may have changed since the settings were read.
    let mut known = None;
    let mut failed_reads = 0;
    loop {
        let contents = files.contents();
        failed_reads = if contents.is_ok() { 0 } else { failed_reads + 1 };
        match contents {
            Ok(contents) if known.as_ref() == Some(&contents) => {}
            Ok(contents) => {
                match files.read() {
                    Ok(settings) => {
                        node.auth.replace_keys(&settings);
                        if known.is_some() {
                            tracing::info!("the keys of authentication were read again");
                        }
                    }
                    Err(error) => {
                        tracing::error!(%error, "the new keys of authentication can't be used; the current ones stay in use");
                    }
                }
                // The same fault is reported once.
                known = Some(contents);
            }
            // The first failure may fall into the replacement of the files.
            Err(error) if failed_reads == 2 => {
                tracing::error!(%error, "the keys of authentication can't be read; the current ones stay in use");
            }
            Err(_) => {}
        }
        sleep(CHECK_EVERY).await;
    }
}
