//! The reports of nodes.

use timers::Millis;
use tokio::time::timeout;

use super::{DEADLINE, Fixture, node};
use crate::store::{NodeReport, NodeReports, REPORTS_MAX};

/// Longer than any case takes.
const LONG: Millis = Millis(3_600_000);

async fn texts(reports: &dyn NodeReports) -> Vec<(String, String)> {
    let all = reports.all().await.expect("reads");
    assert!(all.iter().all(|report| report.age < LONG), "{all:?}");
    all.into_iter().map(|NodeReport { node, text, .. }| (node, text)).collect()
}

fn pair(node: &str, text: &str) -> (String, String) {
    (node.to_owned(), text.to_owned())
}

pub async fn each_node_has_one_report_until_it_is_removed_or_old(fixture: &dyn Fixture) {
    let first = node(fixture).await;
    let second = fixture.connect().await;
    let writer = first.store.node_reports().expect("keeps reports");
    let reader = second.as_ref().map_or(writer, |second| second.store.node_reports().expect("keeps reports"));
    assert_eq!(texts(reader).await, []);
    writer.put("b", "1", LONG).await.expect("writes");
    writer.put("a", "{\"bücher\":\"\\u0000\"}", LONG).await.expect("writes");
    writer.put("b", "2", LONG).await.expect("writes");
    assert_eq!(texts(reader).await, [pair("a", "{\"bücher\":\"\\u0000\"}"), pair("b", "2")]);
    reader.remove("a").await.expect("removes");
    reader.remove("nobody").await.expect("changes nothing");
    assert_eq!(texts(writer).await, [pair("b", "2")]);
    let aged = timeout(DEADLINE, async {
        while reader.all().await.expect("reads").iter().any(|report| report.age < Millis(20)) {
            tokio::task::yield_now().await;
        }
    });
    aged.await.expect("the report grows older");
    writer.put("c", "3", Millis(10)).await.expect("writes");
    assert_eq!(texts(reader).await, [pair("c", "3")], "the write removes what is too old");
    for number in 0..REPORTS_MAX + 5 {
        writer.put(&format!("node-{number:04}"), "", LONG).await.expect("writes");
    }
    let kept = texts(reader).await;
    assert_eq!((kept.len(), kept.last()), (REPORTS_MAX, Some(&pair(&format!("node-{:04}", REPORTS_MAX + 4), ""))));
}
