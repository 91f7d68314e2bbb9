//! The end of a day: with somebody connected, with nobody, and without the leader.

use serde_json::{Value, json};

use super::*;

/// Midnight after [`NOON`], in UTC.
const MIDNIGHT: i64 = NOON + 12 * HOUR;

/// Time before midnight in which a test can make its requests, also on a busy machine.
const BEFORE: i64 = 10_000;

async fn logs_are(node: &Node, user: &str, expected: &[(&str, i64)]) {
    wait_until(&format!("the day of {user} to be archived"), async || work_of(&node.logs(user).await) == expected)
        .await;
}

#[tokio::test]
async fn at_midnight_the_day_is_archived_the_run_continues_and_ticks_count_from_midnight() {
    let office = Office::open_at(NOON).await;
    let node = &office.node;
    node.punch("ann", &json!([entry(1, "IN", NOON - HOUR)])).await;
    // Nobody is connected for these.
    node.punch("ben", &json!([entry(1, "IN", NOON - HOUR)])).await;
    node.punch("cem", &json!([entry(1, "IN", NOON - 2 * HOUR), entry(2, "OUT", NOON - HOUR)])).await;
    node.move_to("dan", "Asia/Tokyo").await;
    let mut socket = live(node, "ann").await;
    socket.next_of("session").await;
    office.pass_until(MIDNIGHT - BEFORE).await;
    let before = node.session("ann").await;
    let (mut last, mut told) = (None::<i64>, None::<Value>);
    let mut after_midnight = Vec::new();
    while after_midnight.len() < 4 || told.is_none() {
        let message = socket.next().await;
        if message["type"] == "session" {
            if message["payload"]["lastActiveDate"] == "2026-11-21" {
                told = Some(message["payload"].clone());
            }
            continue;
        }
        let seconds = number(&message["payload"]["liveWorkSeconds"]);
        if last.is_some_and(|last| seconds < last) || !after_midnight.is_empty() {
            after_midnight.push(seconds);
        }
        last = Some(seconds);
    }
    assert_eq!(
        after_midnight,
        (0..i64::try_from(after_midnight.len()).unwrap()).collect::<Vec<_>>(),
        "no second is missing"
    );
    let document = told.unwrap();
    let carried = json!({ "id": 1, "timestamp": MIDNIGHT, "type": "IN", "time": "00:00:00" });
    assert_eq!(document["entries"], json!([carried]));
    assert_eq!((&document["sessionStartTime"], &document["currentStatus"]), (&json!(MIDNIGHT), &json!("IN")));
    assert_eq!(number(&document["dailyStats"]["totalWorkMinutes"]), 0);
    logs_are(node, "ann", &[("2026-11-20", 780)]).await;
    logs_are(node, "ben", &[("2026-11-20", 780)]).await;
    logs_are(node, "cem", &[("2026-11-20", 60)]).await;
    let log = node.logs("cem").await[0].clone();
    assert_eq!(log["dailyStats"]["totalBreakMinutes"], 0, "an archived day omits the last break");
    assert_eq!(node.session("cem").await["entries"], json!([]));
    assert_eq!(node.logs("dan").await.len(), 0, "a day without punches leaves no log");
    // The tab that slept over midnight posts what it has.
    let answer = node.save("ann", &before).await;
    assert_eq!((&answer["data"]["entries"], ignored(&answer)), (&json!([carried]), vec![]));
    let stale = json!([entry(1, "IN", NOON - 2 * HOUR), entry(2, "OUT", NOON - HOUR)]);
    let answer = node.save("cem", &json!({ "entries": stale })).await;
    assert_eq!(ignored(&answer), [(json!(1), "it is archived"), (json!(2), "it is archived")]);
    // The OUT of yesterday that is posted late removes the carried punch.
    let document = node.punch("ann", &json!([entry(2, "OUT", NOON)])).await;
    assert_eq!((&document["entries"], &document["currentStatus"]), (&json!([]), &json!("OUT")));
    logs_are(node, "ann", &[("2026-11-20", 60)]).await;
    // A reset ends the run of the other one at midnight.
    node.reset("ben").await;
    assert_eq!(
        (ids(&node.session("ben").await), work_of(&node.logs("ben").await)),
        (vec![], vec![("2026-11-20", 780)])
    );
}

#[tokio::test]
async fn a_leader_that_dies_at_midnight_is_replaced_and_every_day_is_archived() {
    let office = Office::open_at(NOON).await;
    let (one, two) = (&office.node, office.second_node().await);
    let people: Vec<String> = (0..50).map(|nth| format!("user-{nth}")).collect();
    for person in &people {
        one.punch(person, &json!([entry(1, "IN", NOON - HOUR)])).await;
    }
    let leader = one.get_internal("/cluster").await.json()["leader"].clone();
    let (leading, living) = if leader == "one" { (one, &two) } else { (&two, one) };
    let mut socket = live(living, &people[0]).await;
    socket.next_of("session").await;
    office.clock.move_by(MIDNIGHT - 2_000 - machine_time());
    // The tick of the second before midnight, or a later one.
    loop {
        let seconds = number(&socket.next_of("tick").await["payload"]["liveWorkSeconds"]);
        if !(3_600..13 * 3_600 - 1).contains(&seconds) {
            break;
        }
    }
    leading.freeze();
    for person in &people {
        logs_are(living, person, &[("2026-11-20", 780)]).await;
    }
    let mut last = number(&socket.next_of("tick").await["payload"]["liveWorkSeconds"]);
    for _ in 0..3 {
        let next = number(&socket.next_of("tick").await["payload"]["liveWorkSeconds"]);
        assert_eq!(next, last + 1);
        last = next;
    }
    // A node that was thought dead does not archive again.
    leading.thaw();
    let metrics = living.metrics().await;
    assert!(metrics.must("tickcast_deadlines_fired_total", &[]) >= 50.0);
    for person in &people {
        assert_eq!(leading.logs(person).await.len(), 1);
    }
}

#[tokio::test]
async fn a_person_who_stays_in_for_forty_days_has_forty_days() {
    let office = Office::open_at(NOON).await;
    let node = &office.node;
    node.punch("ann", &json!([entry(1, "IN", NOON)])).await;
    office.pass_until(NOON + 40 * DAY).await;
    wait_until("all days to be archived", async || node.logs("ann").await.len() == 40).await;
    let logs = node.logs("ann").await;
    let work = work_of(&logs);
    assert_eq!((work[0], work[39]), (("2026-12-29", 1440), ("2026-11-20", 720)));
    let document = node.session("ann").await;
    assert_eq!((ids(&document), &document["lastActiveDate"]), (vec![json!(1)], &json!("2026-12-30")));
    assert_eq!(document["sessionStartTime"], MIDNIGHT + 39 * DAY);
    // The end comes late, for the third day.
    node.punch("ann", &json!([entry(2, "OUT", NOON + 2 * DAY)])).await;
    assert_eq!(work_of(&node.logs("ann").await), [("2026-11-22", 720), ("2026-11-21", 1440), ("2026-11-20", 720)]);
    assert_eq!(node.session("ann").await["currentStatus"], "OUT");
}
