use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::credential::{Credential, Credentials};
use crate::error::ConnectionError;
use crate::outbox::Command;
use crate::token_claims::example_token;

fn owner() -> FileOwner {
    let (system, server) = ("clockit".to_owned(), "http://a/".to_owned());
    FileOwner { system, server, user: Some("ada".to_owned()), is_guest: false }
}

fn stored(id: &str) -> StoredCommand {
    let command = Command { id: id.to_owned(), kind: "session-stop".to_owned(), payload: json!({ "sessionId": "s" }) };
    StoredCommand { command, created_at: 7, first_sent_at: None }
}

fn open(folder: &TempDir) -> Result<OpenedOutbox, OutboxError> {
    OutboxFile::open(folder.path().join("outbox"), owner(), None)
}

#[tokio::test]
async fn commands_and_the_id_of_the_client_survive_and_one_client_at_a_time_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(&folder).unwrap();
    assert!(first.commands.is_empty());
    first.file.save(vec![stored("a"), stored("b")]).await.unwrap();
    let id = first.file.client_id().to_owned();
    assert_eq!(open(&folder).err(), Some(OutboxError::InUse { path: folder.path().join("outbox") }));
    drop(first);
    let second = open(&folder).unwrap();
    assert_eq!((second.commands, second.file.client_id()), (vec![stored("a"), stored("b")], id.as_str()));
    drop(second.file);
    let renamed = OutboxFile::open(folder.path().join("outbox"), owner(), Some("another".to_owned())).unwrap();
    assert!(!renamed.is_same_client && renamed.file.client_id() == "another");
}

#[test]
fn a_damaged_file_is_reported_and_kept_beside() {
    for text in ["", "{", "[]", r#"{"version":1}"#, "\u{0}\u{0}"] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("outbox"), text).unwrap();
        let Err(OutboxError::Damaged { path, kept, .. }) = open(&folder) else { panic!("{text} is taken") };
        assert_eq!((path, std::fs::read_to_string(kept).unwrap().as_str()), (folder.path().join("outbox"), text));
        assert!(open(&folder).unwrap().commands.is_empty(), "the next client begins an empty one");
    }
}

#[tokio::test]
async fn commands_of_another_owner_or_format_are_not_taken_and_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    open(&folder).unwrap().file.save(vec![stored("a")]).await.unwrap();
    let others = [
        (FileOwner { system: "focus".to_owned(), ..owner() }, "the system `clockit`, not for `focus`"),
        (FileOwner { server: "http://b/".to_owned(), ..owner() }, "the server `http://a/`, not for `http://b/`"),
        (FileOwner { user: Some("ben".to_owned()), ..owner() }, "the user `ada`, not for `ben`"),
        (FileOwner { user: None, is_guest: true, ..owner() }, "the user `ada`, not for a guest"),
    ];
    for (other, reason) in others {
        let error = OutboxFile::open(path.clone(), other, None).err().unwrap().to_string();
        assert!(error.contains(reason) && error.contains("outbox"), "{error}");
    }
    assert_eq!(open(&folder).unwrap().commands.len(), 1);
    std::fs::write(&path, r#"{"version":2}"#).unwrap();
    assert!(open(&folder).err().unwrap().to_string().contains("the format 2 of a later version"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), r#"{"version":2}"#);
}

#[tokio::test]
async fn the_user_of_a_file_stays_known_and_is_learned_from_the_first_token() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    let unknown = || FileOwner { user: None, ..owner() };
    let user_in_file = || {
        let content: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        content["user"].clone()
    };
    let first = OutboxFile::open(path.clone(), unknown(), None).unwrap().file;
    first.save(vec![stored("a")]).await.unwrap();
    assert!(user_in_file().is_null() && !first.is_outdated());
    first.user.check(&example_token(r#"{"sub":"ada"}"#)).unwrap();
    assert!(first.is_outdated());
    first.save(vec![stored("a")]).await.unwrap();
    assert!(user_in_file() == "ada" && !first.is_outdated());
    drop(first);
    let second = OutboxFile::open(path.clone(), unknown(), None).unwrap().file;
    assert!(user_in_file() == "ada", "an unknown user replaces no known one");
    let options = second.bind(
        ClientOptions::new("http://a")
            .unwrap()
            .credential(Credential::token_provider(|_| async { Ok(example_token(r#"{"sub":"ben"}"#)) })),
    );
    let presented = Credentials::new(options.credential).present().await;
    assert!(matches!(presented, Err(ConnectionError::Token { message }) if message.contains("`ben`")));
    drop(second);
    let token = Credential::token(example_token(r#"{"sub":"ben"}"#));
    let owner = FileOwner::of("clockit", &ClientOptions::new("http://a").unwrap().credential(token));
    assert!(matches!(OutboxFile::open(path.clone(), owner, None), Err(OutboxError::Foreign { .. })));
}

#[test]
fn a_path_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/outbox");
    let error = OutboxFile::open(path.clone(), owner(), None).err().unwrap();
    assert!(matches!(&error, OutboxError::Io { path: named, .. } if *named == path), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_stays_locked_until_it_is_written_also_when_its_client_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    let opened = open(&folder).unwrap();
    // Nothing is written to a pipe before it is read.
    let pipe = folder.path().join("outbox.new");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut save = Box::pin(opened.file.save(vec![stored("a")]));
    assert!(futures_util::poll!(save.as_mut()).is_pending());
    drop(save);
    drop(opened);
    let is_locked = matches!(lock(&path), Err(OutboxError::InUse { .. }));
    // First, because a failed test waits for the write too.
    let reader = std::thread::spawn(move || std::fs::read(pipe).unwrap());
    assert!(is_locked, "the next client could have it while it is written");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while lock(&path).is_err() {
        assert!(std::time::Instant::now() < deadline, "the file stays locked");
        tokio::task::yield_now().await;
    }
    assert!(String::from_utf8(reader.join().unwrap()).unwrap().contains("session-stop"));
}
