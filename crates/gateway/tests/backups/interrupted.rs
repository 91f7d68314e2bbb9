//! Backups and restores that are interrupted, and repeated.

use std::process::{Command, Stdio};

use harness::{Node, RedisServer, wait_until};

use super::command::{Folder, Said, backup, keys, restore};
use super::large::{PEOPLE, fill};

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_restore_says_so_and_is_completed_by_its_repetition() {
    let (source, target, folder) = (RedisServer::start(), RedisServer::start(), Folder::new());
    let file = folder.path("all.tcb");
    fill(&source, 100).await;
    Said::by(&mut backup(&source.url(), &file)).has(0, &[&format!("{PEOPLE} scopes")]);
    for signal in ["-TERM", "-KILL"] {
        let mut command = restore(&target.url(), &file);
        let process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        wait_until("some scopes are stored", async || keys(&target) > 20).await;
        Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap();
        let ended = process.wait_with_output().unwrap();
        if signal == "-TERM" {
            let errors = String::from_utf8(ended.stderr).unwrap();
            assert_eq!(ended.status.code(), Some(75), "{errors}");
            assert!(errors.contains("by a signal") && errors.contains("the same command, once more"), "{errors}");
        }
    }
    let mut node = Node::launch(&[("store.url", &target.url())]);
    assert!(!node.ended().await.success(), "no node serves a part of a backup");
    assert!(node.log().contains("a restore into the store was interrupted"), "{}", node.log());
    let other = folder.path("other.tcb");
    Said::by(&mut backup(&source.url(), &other)).has(0, &[]);
    let refused = Said::by(&mut restore(&target.url(), &other));
    refused.has(65, &["a restore of another backup into this store was interrupted", "nothing was restored"]);
    let said = Said::by(&mut restore(&target.url(), &file));
    said.has(0, &["a restore of this backup was interrupted; it is repeated", &format!("restored {PEOPLE} scopes")]);
    let again = folder.path("again.tcb");
    Said::by(&mut backup(&target.url(), &again)).has(0, &[&format!("{PEOPLE} scopes, 100000 history rows")]);
    Said::by(&mut restore(&target.url(), &file)).has(65, &["the store is not empty"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_backup_leaves_no_file() {
    let (source, folder) = (RedisServer::start(), Folder::new());
    let file = folder.path("all.tcb");
    fill(&source, 100).await;
    source.freeze();
    let process = backup(&source.url(), &file).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the backup to begin", async || folder.path("all.tcb.partial").exists()).await;
    source.thaw();
    Command::new("kill").args(["-TERM", &process.id().to_string()]).status().unwrap();
    let ended = process.wait_with_output().unwrap();
    // A signal that comes after the end of a fast backup changes nothing.
    if ended.status.code() != Some(0) {
        assert!(!file.exists());
    }
    assert!(!folder.path("all.tcb.partial").exists(), "{:?}", ended.status);
    assert!(ended.status.code().is_some_and(|code| code == 0 || code == 75), "{ended:?}");
}
