//! The list of a person's sessions.

use serde_json::json;

use super::*;

#[tokio::test]
async fn sessions_are_listed_newest_first_by_status_and_by_pages() {
    let node = Node::start().await;
    assert_eq!(node.list("ann", "").await, [""; 0]);
    let mut ids = Vec::new();
    for ending in ["", "completed", "cancelled", "", "completed", "abandoned", "paused"] {
        let id = node.new_session("ann", 25.0).await;
        match ending {
            "" => {}
            "paused" => drop(node.change("ann", &id, &json!({ "status": ending })).await),
            ending => drop(node.end("ann", &id, &json!({ "status": ending })).await),
        }
        ids.insert(0, id);
    }
    node.new_session("ben", 25.0).await;
    let of = |places: &[usize]| -> Vec<String> { places.iter().map(|place| ids[*place].clone()).collect() };
    let (third, last) = (&ids[2], &ids[6]);
    for (query, expected) in [
        ("", &[0, 1, 2, 3, 4, 5, 6][..]),
        ("status=&limit=&before=", &[0, 1, 2, 3, 4, 5, 6]),
        ("status=active", &[3, 6]),
        ("status=paused", &[0]),
        ("status=completed", &[2, 5]),
        ("status=abandoned", &[1]),
        ("status=cancelled", &[4]),
        ("limit=3", &[0, 1, 2]),
        ("limit=100000", &[0, 1, 2, 3, 4, 5, 6]),
        ("limit=1&status=completed", &[2]),
        (&format!("before={third}"), &[3, 4, 5, 6]),
        (&format!("before={third}&limit=2"), &[3, 4]),
        (&format!("before={}&limit=2", third.to_uppercase()), &[3, 4]),
        (&format!("before={third}&status=completed"), &[5]),
        (&format!("before={last}"), &[]),
    ] {
        assert_eq!(node.list("ann", query).await, of(expected), "{query}");
    }
    let listed = node.must("ann", "GET", "/api/sessions?limit=1", &json!(null)).await["sessions"][0].clone();
    assert_eq!(listed, node.read("ann", &ids[0]).await);
    // An id tells when its session was created, also if there is none: this one in 2012.
    assert_eq!(node.list("ann", &format!("before={UNKNOWN}")).await, [""; 0]);
    node.delete("ann", third).await;
    assert!(!node.list("ann", &format!("before={third}")).await.contains(third));
    for (query, status, message) in [
        ("status=done", 400, "Invalid status"),
        ("status=Active", 400, "Invalid status"),
        ("limit=0", 400, "limit must be a whole number above 0"),
        ("limit=-1", 400, "limit must be a whole number above 0"),
        ("limit=1.5", 400, "limit must be a whole number above 0"),
        ("limit=x", 400, "limit must be a whole number above 0"),
        ("before=1", 400, "Invalid ID format"),
    ] {
        refused(&node.call("ann", "GET", &format!("/api/sessions?{query}"), "").await, status, message);
    }
}

#[tokio::test]
async fn pages_miss_no_session_of_many_that_were_created_at_once() {
    let node = Node::start().await;
    let create = async |_| node.new_session("ann", 25.0).await;
    let mut created = Vec::new();
    // More of them have ended than the server reads at once.
    for _ in 0..70 {
        let (one, two, three, four) = tokio::join!(create(1), create(2), create(3), create(4));
        let body = json!({});
        let end = async |id| node.end("ann", id, &body).await;
        tokio::join!(end(&one), end(&two), end(&four));
        created.extend([one, two, three, four]);
    }
    let all = node.list("ann", "").await;
    let (mut pages, mut before) = (Vec::new(), String::new());
    loop {
        let page = node.list("ann", &format!("limit=37&before={before}")).await;
        let Some(last) = page.last() else { break };
        before.clone_from(last);
        pages.extend(page);
    }
    assert_eq!(pages, all);
    let mut sorted = all;
    sorted.sort();
    created.sort();
    assert_eq!(sorted, created);
}
