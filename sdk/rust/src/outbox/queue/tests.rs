use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::*;
use crate::error::CommandError;
use crate::outbox::FileOwner;

const LIMITS: OutboxLimits = OutboxLimits {
    resend_window: Duration::from_mins(4),
    queued_max: Duration::from_hours(24),
    attempts_max: Some(5),
    response_timeout: Duration::from_secs(10),
};

type Answered = oneshot::Receiver<Result<u64, CommandError>>;

fn open(folder: &TempDir, client_id: Option<&str>) -> CommandQueue<u64> {
    let owner = FileOwner { system: "clockit".to_owned(), server: "http://a/".to_owned(), user: None, is_guest: true };
    let opened = OutboxFile::open(folder.path().join("outbox"), owner, client_id.map(str::to_owned)).unwrap();
    CommandQueue::of_file(LIMITS, opened)
}

fn submit(queue: &mut CommandQueue<u64>, id: &str) -> Answered {
    let (reply, answered) = oneshot::channel();
    let command = Command { id: id.to_owned(), kind: "count".to_owned(), payload: Value::Null };
    queue.submit(Submission { command, reply }, Instant::now());
    answered
}

/// Flushes a queue, and returns the ids of sent commands and the failures without a caller.
async fn flush(queue: &mut CommandQueue<u64>) -> (Vec<String>, Vec<FailedCommand>) {
    let mut sent = Vec::new();
    queue.prepare(Instant::now()).await;
    queue.send(Instant::now(), |command| {
        sent.push(command.id.clone());
        true
    });
    (sent, queue.deliver())
}

/// Returns the ids in a file, and whether the file says that the command was sent.
fn stored(folder: &Path) -> Vec<(String, bool)> {
    let content: Value = serde_json::from_slice(&std::fs::read(folder.join("outbox")).unwrap()).unwrap();
    let commands = content["commands"].as_array().unwrap().iter();
    commands.map(|command| (command["id"].as_str().unwrap().to_owned(), command["firstSentAt"].is_number())).collect()
}

fn change_file(folder: &Path, change: impl FnOnce(&mut Value)) {
    let path = folder.join("outbox");
    let mut content: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut content["commands"][0]);
    std::fs::write(path, content.to_string()).unwrap();
}

#[tokio::test]
async fn a_command_is_stored_as_sent_before_it_is_sent_and_its_answer_before_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut queue = open(&folder, None);
    let mut first = submit(&mut queue, "a");
    assert!(flush(&mut queue).await.0.is_empty() && stored(folder.path()) == [("a".to_owned(), false)]);
    queue.go_online();
    queue.prepare(Instant::now()).await;
    assert_eq!(stored(folder.path()), [("a".to_owned(), true)]);
    assert_eq!(flush(&mut queue).await.0, ["a"]);
    let _second = submit(&mut queue, "b");
    queue.settle("a", Answer::Done(1), Instant::now());
    queue.prepare(Instant::now()).await;
    assert_eq!((stored(folder.path()), first.try_recv().is_err()), (vec![("b".to_owned(), true)], true));
    assert_eq!(flush(&mut queue).await.0, ["b"]);
    assert_eq!(first.try_recv().unwrap(), Ok(1));
}

#[tokio::test]
async fn the_next_client_sends_what_was_left_and_a_dropped_caller_cancels_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut queue = open(&folder, None);
    let mut first = submit(&mut queue, "a");
    drop(submit(&mut queue, "b"));
    queue.go_online();
    assert_eq!(flush(&mut queue).await.0, ["a"]);
    queue.go_offline();
    queue.fail_all(None);
    assert!(flush(&mut queue).await.1.is_empty());
    assert_eq!(first.try_recv().unwrap(), Err(CommandError::Stored));
    drop(queue);
    let mut next = open(&folder, None);
    next.go_online();
    assert_eq!((next.len(), flush(&mut next).await.0), (2, vec!["a".to_owned()]));
    next.settle("a", Answer::Done(1), Instant::now());
    assert_eq!(flush(&mut next).await, (vec!["b".to_owned()], Vec::new()));
}

#[tokio::test]
async fn a_command_that_may_have_been_forgotten_or_was_sent_as_another_client_is_reported_and_not_sent() {
    let unchanged = |_: &mut Value| {};
    let long_ago = |command: &mut Value| command["firstSentAt"] = json!(1_000);
    let clock_set_back = |command: &mut Value| command["firstSentAt"] = json!(i64::MAX);
    let changes: [fn(&mut Value); 3] = [unchanged, long_ago, clock_set_back];
    for (change, client_id) in changes.into_iter().zip([Some("another"), None, None]) {
        let folder = tempfile::tempdir().unwrap();
        let mut queue = open(&folder, None);
        queue.go_online();
        drop(submit(&mut queue, "a"));
        flush(&mut queue).await;
        drop(queue);
        change_file(folder.path(), change);
        let mut next = open(&folder, client_id);
        next.go_online();
        let (sent, failed) = flush(&mut next).await;
        assert!(sent.is_empty() && stored(folder.path()).is_empty());
        assert_eq!((failed[0].kind.as_str(), &failed[0].error), ("count", &CommandError::OutcomeUnknown));
    }
}

#[tokio::test]
async fn a_command_that_cannot_be_stored_fails_and_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let mut queue = open(&folder, None);
    let mut waiting = submit(&mut queue, "a");
    flush(&mut queue).await;
    // A folder in the place of the next file fails each attempt to write it, also for root.
    let obstacle = folder.path().join("outbox.new");
    std::fs::create_dir(&obstacle).unwrap();
    queue.go_online();
    let mut rejected = submit(&mut queue, "b");
    assert!(matches!(queue.prepare(Instant::now()).await, Some(OutboxError::Io { .. })));
    let error = queue.prepare(Instant::now()).await;
    assert!(error.is_none() && flush(&mut queue).await.0.is_empty(), "it is reported once, and nothing is sent");
    assert!(matches!(rejected.try_recv().unwrap(), Err(CommandError::NotStored { .. })));
    std::fs::remove_dir(obstacle).unwrap();
    queue.handle_deadline(Instant::now() + Duration::from_secs(1));
    assert_eq!(flush(&mut queue).await.0, ["a"]);
    queue.settle("a", Answer::Done(1), Instant::now());
    flush(&mut queue).await;
    assert_eq!((waiting.try_recv().unwrap(), stored(folder.path())), (Ok(1), Vec::new()));
}

#[tokio::test]
async fn a_stored_command_outlives_a_credential_that_is_not_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let mut queue = open(&folder, None);
    queue.go_online();
    let mut waiting = submit(&mut queue, "a");
    flush(&mut queue).await;
    let refusal = || Answer::Refused(CommandError::NoAnswer);
    queue.settle("a", refusal(), Instant::now());
    assert!(flush(&mut queue).await.0.is_empty() && stored(folder.path()) == [("a".to_owned(), false)]);
    assert_eq!(waiting.try_recv().unwrap(), Err(CommandError::Stored));
    queue.handle_deadline(Instant::now() + Duration::from_secs(31));
    assert_eq!(flush(&mut queue).await.0, ["a"], "the application may have renewed it");
    let mut in_memory = CommandQueue::in_memory(LIMITS);
    in_memory.go_online();
    let mut failed = submit(&mut in_memory, "a");
    flush(&mut in_memory).await;
    in_memory.settle("a", refusal(), Instant::now());
    flush(&mut in_memory).await;
    assert_eq!(failed.try_recv().unwrap(), Err(CommandError::NoAnswer));
}
