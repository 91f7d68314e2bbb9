//! Runs `tickcast import`, and asks nodes for what it has imported.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use harness::{Node, binary};
use serde_json::Value;
use tempfile::TempDir;

pub(super) const TYPES_HEADER: &str =
    "id,name,description,hourly_rate,category,color,sort_order,is_active,created_at,updated_at";

pub(super) const ENTRIES_HEADER: &str = "id,task_type_id,session_id,project_id,start_time,end_time,duration_minutes,\
                                         hourly_rate_snapshot,manually_adjusted,notes,created_by,created_at,updated_at,\
                                         track_id";

/// The headers of a member of organisation 3.
pub(super) const MEMBER: [(&str, &str); 2] = [("x-test-user-id", "42"), ("x-test-org-id", "3")];

/// The files of an import, and the store.
pub(super) struct Files {
    pub(super) folder: TempDir,
    pub(super) store: String,
}

/// What a command has said.
pub(super) struct Said {
    pub(super) code: Option<i32>,
    pub(super) output: String,
    pub(super) errors: String,
}

impl Files {
    /// Makes files of these rows, for an embedded store in the same folder.
    pub(super) fn new(types: &str, entries: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = format!("embedded://{}", folder.path().join("data").display());
        let files = Self { folder, store };
        files.write("types.csv", &format!("{TYPES_HEADER}\n{types}"));
        files.write("entries.csv", &format!("{ENTRIES_HEADER}\n{entries}"));
        files
    }

    /// Uses the files that PostgreSQL has written.
    pub(super) fn of_postgresql() -> Self {
        let files = Self::new("", "");
        for (fixture, name) in [("task_types.csv", "types.csv"), ("time_entries.csv", "entries.csv")] {
            std::fs::copy(fixtures().join(fixture), files.path(name)).unwrap();
        }
        files
    }

    pub(super) fn over(self, store: &str) -> Self {
        Self { store: store.to_owned(), ..self }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Returns the command that imports both files into organisation 3.
    pub(super) fn import(&self, options: &[&str]) -> Command {
        let mut command = self.command(&["--task-types", "types.csv", "--time-entries", "entries.csv"]);
        command.args(["--organization", "3"]).args(options);
        command
    }

    /// Returns the command without an organisation.
    pub(super) fn command(&self, options: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(["import", "studio"]).args(options).current_dir(self.folder.path());
        command.env("TICKCAST__STORE__URL", &self.store).stdin(Stdio::null());
        command
    }

    /// Starts a node on the store that accepts the development headers.
    pub(super) async fn node(&self) -> Node {
        Node::start_with(&[("store.url", &self.store), ("auth.test_headers", "true")]).await
    }
}

impl Said {
    pub(super) fn by(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: status.code(), output: text(stdout), errors: text(stderr) }
    }

    /// Checks the exit code, and that all of these lines are said.
    pub(super) fn has(&self, code: i32, lines: &[&str]) {
        let all = format!("{}{}", self.output, self.errors);
        assert_eq!(self.code, Some(code), "{all}");
        for line in lines {
            assert!(all.lines().any(|said| said == *line), "no `{line}` in\n{all}");
        }
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/studio")
}

/// Calls a query as a member.
pub(super) async fn query(node: &Node, procedure: &str, headers: &[(&str, &str)]) -> Value {
    let answer = node.http("GET", &format!("/api/trpc/timeTracking.{procedure}"), headers, b"").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["result"]["data"].clone()
}

/// Returns the listed entries in the order of their ids.
pub(super) async fn entries(node: &Node, headers: &[(&str, &str)]) -> Vec<Value> {
    let mut entries = query(node, "timeEntries.list", headers).await["entries"].as_array().unwrap().clone();
    entries.sort_by_key(|entry| entry["id"].as_u64());
    entries
}

/// Calls a mutation as a member.
pub(super) async fn mutate(node: &Node, procedure: &str, input: &Value) -> Value {
    let headers = [&MEMBER[..], &[("content-type", "application/json")]].concat();
    let path = format!("/api/trpc/timeTracking.{procedure}");
    let answer = node.http("POST", &path, &headers, input.to_string().as_bytes()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["result"]["data"].clone()
}

/// Returns rows of ten types.
pub(super) fn ten_types() -> String {
    (1..=10).fold(String::new(), |mut rows, id| {
        let at = "2025-01-05 08:00:00.123456";
        writeln!(rows, "{id},Type {id},,50.00,billable,#3B82F6,{id},t,{at},{at}").unwrap();
        rows
    })
}

/// Returns rows of finished entries.
pub(super) fn finished_entries(count: u64) -> String {
    (1..=count).fold(String::new(), |mut rows, id| {
        let (day, hour, session, task_type) = (1 + id % 28, id % 22, 1 + id % 500, 1 + id % 10);
        let at = |hour: u64, minute| format!("2025-03-{day:02} {hour:02}:{minute}:00.{:03}", id % 1000);
        let (start, end) = (at(hour, "00"), at(hour + 1, "15"));
        let row = format!("{id},{task_type},{session},,{start},{end},75,50.00,f,\"note, {id}\",42,{start},{end},");
        writeln!(rows, "{row}").unwrap();
        rows
    })
}
