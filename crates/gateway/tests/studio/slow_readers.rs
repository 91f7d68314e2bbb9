//! Clients that read a long list slowly, or not at all.

use harness::{DEADLINE, Node, wait_until};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::lists::fill;
use super::member::{ADJUST, CREATE, Member, START, start};

/// What a node may need for a complete list besides what it has.
const MEMORY_KB: u64 = 32 * 1024;

/// Small, so that the list waits in the node and not in the kernel.
const RECEIVE_BUFFER: u32 = 16 * 1024;

/// Requests the list of everything, and reads nothing yet.
async fn open_list(node: &Node, member: &Member) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
    let mut tcp = socket.connect(([127, 0, 0, 1], node.public).into()).await.unwrap();
    let mut head =
        "GET /api/trpc/timeTracking.timeEntries.list HTTP/1.1\r\nhost: x\r\nconnection: close\r\n".to_owned();
    for (name, value) in member.headers() {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    tcp.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
    tcp
}

/// Returns a figure of `/proc/<pid>/status` in KiB.
fn status(node: &Node, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn a_list_of_forty_megabytes_is_sent_as_it_is_read_and_takes_little_memory() {
    const ENTRIES: usize = 2000;
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    // The longest notes, in two bytes a character.
    fill(&ann, ENTRIES, &"é".repeat(10_000)).await;
    // Forget the peak of the past.
    std::fs::write(format!("/proc/{}/clear_refs", node.pid()), "5").unwrap();
    let before = status(&node, "VmRSS");
    let mut list = open_list(&node, &ann).await;
    let (mut read, mut bytes) = (Vec::new(), [0; 64 * 1024]);
    while !String::from_utf8_lossy(&read).contains(r#"{"id":1999,"#) {
        let count = list.read(&mut bytes).await.unwrap();
        assert!(count > 0, "the list ends");
        read.extend_from_slice(&bytes[..count]);
    }
    let head = String::from_utf8_lossy(&read[..1000]).to_ascii_lowercase();
    assert!(head.contains("transfer-encoding: chunked") && head.contains("200 ok"), "{head}");
    // An entry that is stopped now was running, or did not exist, when the list began: the list is the same.
    let entry = ann.start(1000).await;
    ann.stop(&entry).await;
    assert_eq!(ann.entries(&json!({ "limit": 1 })).await[0]["id"], entry["id"], "others are served meanwhile");
    list.read_to_end(&mut read).await.unwrap();
    let text = String::from_utf8_lossy(&read);
    assert_eq!(text.matches(r#""durationMinutes":15"#).count(), ENTRIES);
    assert!(
        text.trim_end().ends_with("\r\n0") && text.contains(r#""stats":{"totalHours":500,"#),
        "the end is complete"
    );
    let peak = status(&node, "VmHWM") - before;
    assert!(peak < MEMORY_KB, "{peak} KiB for a list of {} KiB", read.len() / 1024);
}

#[tokio::test]
async fn an_entry_that_is_moved_into_a_list_has_its_type_although_that_is_newer_than_the_list() {
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    // The last of the node's pages is read after the first one was sent.
    fill(&ann, 700, &"x".repeat(10_000)).await;
    let mut list = open_list(&node, &ann).await;
    let (mut read, mut bytes) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&read).contains(r#""entries":["#) {
        let count = list.read(&mut bytes).await.unwrap();
        read.extend_from_slice(&bytes[..count]);
    }
    let late = ann.mutate(CREATE, &json!({ "name": "Late", "hourlyRate": "1" })).await.data();
    let entry = ann.mutate(START, &json!({ "taskTypeId": late["id"], "sessionId": 999 })).await.data();
    let day =
        json!({ "timeEntryId": entry["id"], "startTime": "2020-01-01T00:00:00Z", "endTime": "2020-01-01T01:00:00Z" });
    ann.mutate(ADJUST, &day).await.data();
    list.read_to_end(&mut read).await.unwrap();
    let text = String::from_utf8_lossy(&read);
    assert!(text.contains(r#""sessionId":999"#), "the entry is in the part of the list that was not read yet");
    assert!(text.contains(r#""name":"Late""#) && !text.contains(r#""taskType":null"#));
}

#[tokio::test]
async fn clients_that_read_nothing_are_closed_and_others_are_served() {
    const CLIENTS: usize = 10;
    let node = start(&[("limits.request_within", "2s")]).await;
    let ann = Member::new(&node, 1, 1);
    // More than the buffers of both kernels hold.
    fill(&ann, 600, &"x".repeat(10_000)).await;
    let mut stalled = Vec::new();
    for _ in 0..CLIENTS {
        stalled.push(open_list(&node, &ann).await);
    }
    for _ in 0..20 {
        assert_eq!(ann.entries(&json!({ "limit": 1 })).await.len(), 1);
    }
    wait_until("the connections to be closed", async || {
        node.metrics().await.get("tickcast_refusals_total", &[("reason", "time")]) >= Some(10.0)
    })
    .await;
    for mut list in stalled {
        let mut rest = Vec::new();
        let cut = timeout(DEADLINE, list.read_to_end(&mut rest)).await.expect("an end");
        assert!(cut.is_err() || !rest.ends_with(b"0\r\n\r\n"), "the list is cut off, and the client can tell");
    }
    assert_eq!(ann.entries(&Value::Null).await.len(), 600);
}
