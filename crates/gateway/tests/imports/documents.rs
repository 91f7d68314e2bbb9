//! Imports of exported documents.

use std::fmt::Write;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use harness::{Node, binary, wait_until};
use serde_json::Value;
use tempfile::TempDir;

/// Files of an import, and the store.
pub(super) struct Files {
    folder: TempDir,
    store: String,
}

impl Files {
    /// Makes a folder for files, with an embedded store.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = format!("embedded://{}", folder.path().join("data").display());
        Self { folder, store }
    }

    /// Writes documents as `mongoexport` does.
    pub(super) fn write(&self, name: &str, documents: &[Value]) {
        let lines = documents.iter().fold(String::new(), |mut lines, document| {
            writeln!(lines, "{document}").unwrap();
            lines
        });
        std::fs::write(self.folder.path().join(name), lines).unwrap();
    }

    /// Returns the command that imports files of a system.
    pub(super) fn import(&self, system: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(["import", system]).args(arguments).current_dir(self.folder.path());
        command.env("TICKCAST__STORE__URL", &self.store).stdin(Stdio::null());
        command
    }

    /// Uses another store.
    pub(super) fn over(self, store: &str) -> Self {
        Self { store: store.to_owned(), ..self }
    }

    pub(super) async fn node(&self) -> Node {
        Node::start_with(&[("store.url", &self.store)]).await
    }
}

pub(super) async fn get(node: &Node, path: &str) -> Value {
    let answer = node.http("GET", path, &[], b"").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Returns the milliseconds since 1970.
pub(super) fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Starts an import of `people`, and interrupts it once some of them are stored; returns how many are.
pub(super) async fn interrupted(mut import: Command, stored: impl Fn() -> usize, people: usize) -> usize {
    let process = import.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("some people are stored", async || stored() >= 100).await;
    Command::new("kill").args(["-TERM", &process.id().to_string()]).status().unwrap();
    let ended = process.wait_with_output().unwrap();
    let errors = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(75), "{errors}");
    assert!(errors.contains("the same command, once more, imports the rest"), "{errors}");
    let known = stored();
    assert!((100..people).contains(&known), "{known}");
    known
}
