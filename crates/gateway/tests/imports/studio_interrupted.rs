//! Imports that are interrupted, and repeated.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};

use harness::{RedisServer, wait_until};

use super::command::{Files, MEMBER, Said, entries, finished_entries, ten_types};

/// Enough rows that an import takes far longer than it takes to see its first ones.
const ENTRIES: u64 = 12_000;

/// Returns the number of rows that are stored.
fn stored(redis: &RedisServer) -> u64 {
    let keys = redis.replies(&[vec!["KEYS", "*:history:org:3"]]).unwrap();
    let Some(key) = keys[0].texts().first().copied() else { return 0 };
    redis.command(&["HLEN", key]).unwrap().trim_start_matches(':').parse().unwrap()
}

/// Starts an import, and returns when at least `rows` rows are stored.
async fn import_until(files: &Files, redis: &RedisServer, rows: u64) -> Child {
    let mut import = files.import(&[]);
    let process = import.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("some rows are stored", async || stored(redis) >= rows).await;
    process
}

#[tokio::test]
async fn an_import_that_is_interrupted_is_completed_by_its_repetition() {
    let redis = RedisServer::start();
    let files = Files::new(&ten_types(), &finished_entries(ENTRIES)).over(&redis.url());

    let asked = import_until(&files, &redis, 1000).await;
    Command::new("kill").args(["-TERM", &asked.id().to_string()]).status().unwrap();
    let asked = asked.wait_with_output().unwrap();
    let errors = String::from_utf8(asked.stderr).unwrap();
    assert_eq!(asked.status.code(), Some(75), "{errors}");
    assert!(errors.contains("interrupted after "), "{errors}");
    assert!(errors.contains("the rows so far are stored; the same command, once more, imports the rest"), "{errors}");
    let after_signal = stored(&redis);
    assert!((1000..ENTRIES).contains(&after_signal), "{after_signal}");

    let mut killed = import_until(&files, &redis, after_signal + 1).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    let after_kill = stored(&redis);
    assert!(after_kill < ENTRIES, "the import was not in the middle");

    let said = Said::by(&mut files.import(&[]));
    let new = ENTRIES - after_kill;
    let of_entries = format!("org:3: time entries: {ENTRIES} read, {new} new, {after_kill} known");
    said.has(0, &["org:3: task types: 10 read, 0 new, 10 known", &of_entries]);
    let node = files.node().await;
    let listed = entries(&node, &MEMBER).await;
    let ids: BTreeSet<u64> = listed.iter().filter_map(|entry| entry["id"].as_u64()).collect();
    assert_eq!((listed.len() as u64, ids), (ENTRIES, (1..=ENTRIES).collect()));
}
