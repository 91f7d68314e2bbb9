//! Runs `tickcast backup` and `tickcast restore`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use harness::{Node, RedisServer, binary};
use tempfile::TempDir;

/// A folder with an embedded store and files.
pub(super) struct Folder(TempDir);

/// What a command has said.
pub(super) struct Said {
    pub(super) code: Option<i32>,
    pub(super) text: String,
}

impl Folder {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Returns the address of an embedded store.
    pub(super) fn store(&self, name: &str) -> String {
        format!("embedded://{}", self.path(name).display())
    }
}

impl Said {
    pub(super) fn by(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = String::from_utf8([stdout, stderr].concat()).unwrap();
        Self { code: status.code(), text }
    }

    /// Checks the exit code, and that all of these texts are said.
    pub(super) fn has(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.text);
        for text in texts {
            assert!(self.text.contains(text), "no `{text}` in\n{}", self.text);
        }
    }
}

fn command(store: &str, name: &str, file: &Path) -> Command {
    let mut command = Command::new(binary());
    command.arg(name).arg(file).current_dir(file.parent().unwrap());
    command.env("TICKCAST__STORE__URL", store).stdin(Stdio::null());
    command
}

pub(super) fn backup(store: &str, file: &Path) -> Command {
    command(store, "backup", file)
}

pub(super) fn restore(store: &str, file: &Path) -> Command {
    command(store, "restore", file)
}

/// Starts a node that accepts the development headers.
pub(super) async fn node(store: &str) -> Node {
    Node::start_with(&[
        ("store.url", store),
        ("auth.test_headers", "true"),
        ("drain.notice", "0s"),
        ("drain.grace", "500ms"),
    ])
    .await
}

/// Ends a node in order, so that no node leads.
pub(super) async fn stop(mut node: Node) {
    node.signal("TERM");
    assert!(node.ended().await.success(), "{}", node.log());
}

/// Returns the number of keys of a Redis.
pub(super) fn keys(redis: &RedisServer) -> u64 {
    redis.command(&["DBSIZE"]).unwrap().trim_start_matches(':').parse().unwrap()
}
