//! Punches: malformed, in any order, doubled, late, too early, too many, of two devices.

use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn a_malformed_entry_is_named_and_nothing_is_stored() {
    let office = Office::open_at(NOON).await;
    let node = &office.node;
    let good = entry(1, "IN", NOON - HOUR);
    for (bad, error) in [
        (json!(7), "entries[1]: must be an object"),
        (json!(null), "entries[1]: must be an object"),
        (json!([1, 2]), "entries[1]: must be an object"),
        (json!({}), "entries[1]: id must be a number, or a text of 1 to 200 bytes"),
        (json!({ "id": true, "timestamp": 1, "type": "IN" }), "entries[1]: id must be a number"),
        (json!({ "id": "", "timestamp": 1, "type": "IN" }), r#"entries[1] (id ""): id must be a number"#),
        (json!({ "id": { "$oid": "1" }, "timestamp": 1, "type": "IN" }), "entries[1]: id must be a number"),
        (json!({ "id": 2, "type": "IN" }), "entries[1] (id 2): timestamp must be a number of milliseconds since 1970"),
        (json!({ "id": 2, "timestamp": "2026-11-20T11:00:00Z", "type": "IN" }), "entries[1] (id 2): timestamp"),
        (json!({ "id": 2, "timestamp": -1, "type": "IN" }), "entries[1] (id 2): timestamp"),
        (json!({ "id": 2, "timestamp": 1e300, "type": "IN" }), "entries[1] (id 2): timestamp"),
        (json!({ "id": 2, "timestamp": null, "type": "IN" }), "entries[1] (id 2): timestamp"),
        (json!({ "id": "b", "timestamp": 1 }), r#"entries[1] (id "b"): type must be "IN" or "OUT""#),
        (json!({ "id": "b", "timestamp": 1, "type": "in" }), r#"entries[1] (id "b"): type must be "IN" or "OUT""#),
        (json!({ "id": "b", "timestamp": 1, "type": 1 }), r#"entries[1] (id "b"): type must be "IN" or "OUT""#),
    ] {
        let answer = node.post("ann", &json!({ "entries": [good, bad], "currentTheme": "dark" })).await;
        let told = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status == 400 && told.starts_with(error), "{bad}: {answer:?}");
        let log = json!({ "date": "2026-11-20", "entries": [good, bad], "dailyStats": {} });
        let answer = node.call("POST", "/api/daily-logs?userId=ann", &log.to_string()).await;
        let told = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status == 400 && told.starts_with(error), "{bad}: {answer:?}");
    }
    let document = node.session("ann").await;
    assert_eq!((ids(&document), &document["currentTheme"]), (vec![], &json!("minimal")));
    assert_eq!(office.redis.replies(&[vec!["KEYS", "*:ann"]]).unwrap()[0].texts(), [""; 0]);
}

#[tokio::test]
async fn ids_are_numbers_texts_and_fractions_and_come_back_as_they_came() {
    let office = Office::open_at(NOON).await;
    let node = &office.node;
    let large = "x".repeat(198);
    let given =
        [json!(1), json!("1"), json!(1.5), json!(1_795_176_000_000_i64), json!(-3), json!("ü \" 😀"), json!(large)];
    let entries: Vec<Value> = given
        .iter()
        .zip(0_i64..)
        .map(|(id, nth)| entry(id.clone(), if nth % 2 == 0 { "IN" } else { "OUT" }, NOON - HOUR + nth * MINUTE))
        .collect();
    assert_eq!(ids(&node.punch("ann", &json!(entries)).await), given);
    // 1.0 and 1e0 are the number 1, which is stored.
    let again =
        r#"{"entries":[{"id":1.0,"timestamp":1795170000000,"type":"OUT"},{"id":1e0,"timestamp":5,"type":"IN"}]}"#;
    let answer = node.call("POST", "/api/session?userId=ann", again).await;
    assert_eq!((answer.status, ids(&answer.json()["data"])), (200, given.to_vec()));
    // Fractions of milliseconds are dropped, times of another form are not shown.
    let odd = json!([{ "id": 9, "timestamp": NOON as f64 - 30_000.5, "type": "OUT", "time": "9:5:1" }]);
    let shown = node.punch("ann", &odd).await["entries"][7].clone();
    assert_eq!(shown, json!({ "id": 9, "timestamp": NOON - 30_001, "type": "OUT", "time": "11:59:29" }));
}

#[tokio::test]
async fn entries_come_in_any_order_and_those_that_do_not_alternate_are_listed() {
    let office = Office::open_at(NOON).await;
    let node = &office.node;
    let at = |minutes: i64| NOON - HOUR + minutes * MINUTE;
    let mixed = json!([
        entry("out-2", "OUT", at(31)),
        entry("in-2", "IN", at(11)),
        entry("out-1", "OUT", at(30)),
        entry("out-0", "OUT", at(0)),
        entry("in-1", "IN", at(10)),
    ]);
    let answer = node.save("ann", &json!({ "entries": mixed })).await;
    assert_eq!(ids(&answer["data"]), [json!("in-1"), json!("out-1")]);
    let mut listed = ignored(&answer);
    listed.sort_by_key(|(id, _)| id.to_string());
    let expected = [
        (json!("in-2"), "an earlier IN stands"),
        (json!("out-0"), "there is no IN before it"),
        (json!("out-2"), "an earlier OUT stands"),
    ];
    assert_eq!(listed, expected);
    assert_eq!(number(&answer["data"]["dailyStats"]["totalWorkMinutes"]), 20);
    // An earlier IN, posted later, makes the first OUT stand.
    let document = node.punch("ann", &json!([entry("in-0", "IN", at(-20))])).await;
    assert_eq!(ids(&document), [json!("in-0"), json!("out-0"), json!("in-1"), json!("out-1")]);
    assert_eq!(number(&document["dailyStats"]["totalWorkMinutes"]), 40);
    // At one instant work begins before it ends, whichever is first in the list.
    for (user, entries) in [
        ("ben", json!([entry(2, "OUT", at(0)), entry(1, "IN", at(0))])),
        ("cem", json!([entry(1, "IN", at(0)), entry(2, "OUT", at(0))])),
    ] {
        let document = node.punch(user, &entries).await;
        assert_eq!((ids(&document), &document["currentStatus"]), (vec![json!(1), json!(2)], &json!("OUT")));
    }
}

#[tokio::test]
async fn a_stale_tab_neither_erases_a_punch_nor_brings_one_back() {
    let office = Office::open_at(NOON).await;
    let (node, other) = (&office.node, office.second_node().await);
    let first = node.punch("ann", &json!([entry(1, "IN", NOON - HOUR)])).await;
    other.punch("ann", &json!([entry(2, "OUT", NOON - 30 * MINUTE)])).await;
    // The tab that has not seen the OUT, and one that has altered its entry.
    let mut altered = first.clone();
    altered["entries"][0]["timestamp"] = json!(NOON - 2 * HOUR);
    for stale in [&first, &altered, &json!({ "entries": [] })] {
        let answer = node.save("ann", stale).await;
        assert_eq!((ids(&answer["data"]), ignored(&answer)), (vec![json!(1), json!(2)], vec![]));
        assert_eq!(answer["data"]["entries"][0]["timestamp"], NOON - HOUR);
    }
    let both = node.session("ann").await;
    other.reset("ann").await;
    for nth in 0..3 {
        let answer = if nth % 2 == 0 { node.save("ann", &both).await } else { other.save("ann", &both).await };
        let expected = vec![(json!(1), "it was deleted"), (json!(2), "it was deleted")];
        assert_eq!((ids(&answer["data"]), ignored(&answer)), (vec![], expected));
    }
    // 29 days later the tab wakes up; and on the 31st day the ids are forgotten.
    office.pass_until(NOON + 29 * DAY).await;
    let answer = node.save("ann", &both).await;
    assert_eq!((ids(&answer["data"]), ignored(&answer).len(), node.logs("ann").await.len()), (vec![], 2, 0));
    node.punch("ann", &json!([entry(3, "IN", NOON + 29 * DAY)])).await;
    assert_eq!(ids(&node.session("ann").await), [json!(3)]);
}

#[tokio::test]
async fn a_punch_of_the_future_is_of_now_and_clocks_may_be_an_hour_off() {
    let office = Office::open_at(NOON).await;
    let node = &office.node;
    for (user, at) in [("ann", NOON + HOUR), ("ben", NOON + 7 * DAY), ("cem", 8_999_999_999_999_999)] {
        let document = node.punch(user, &json!([entry(1, "IN", at)])).await;
        let start = number(&document["sessionStartTime"]);
        assert!((NOON..NOON + 10 * MINUTE).contains(&start), "{document}");
        assert_eq!((&document["lastActiveDate"], node.logs(user).await.len()), (&json!("2026-11-20"), 0));
        // The tab posts its own entry again, an hour ahead: the stored one stays.
        let again = node.save(user, &json!({ "entries": [entry(1, "IN", at)] })).await;
        assert_eq!(number(&again["data"]["sessionStartTime"]), start);
    }
    // A device whose clock is an hour behind punches at the time that it has.
    let document = node.punch("dan", &json!([entry(1, "IN", NOON - HOUR)])).await;
    assert_eq!(number(&document["sessionStartTime"]), NOON - HOUR);
    // One that is two minutes behind presses IN just after the OUT of another one.
    let entries = json!([entry(1, "IN", NOON - HOUR), entry(2, "OUT", NOON - MINUTE)]);
    node.punch("eve", &entries).await;
    let document = node.punch("eve", &json!([entry(3, "IN", NOON - 3 * MINUTE)])).await;
    assert_eq!((&document["currentStatus"], number(&document["sessionStartTime"])), (&json!("IN"), NOON - MINUTE + 1));
    // Of one that is six minutes behind, the earlier OUT stands.
    node.punch("fay", &entries).await;
    let answer = node.save("fay", &json!({ "entries": [entry(3, "IN", NOON - 7 * MINUTE)] })).await;
    assert_eq!((ids(&answer["data"]).len(), ignored(&answer)[0].1), (2, "an earlier IN stands"));
}

#[tokio::test]
async fn ten_thousand_entries_are_taken_up_to_the_limit_and_the_rest_is_listed() {
    let office = Office::open_with(NOON, &[("punch_clock.punches", "800")]).await;
    let node = &office.node;
    let many: Vec<Value> = (0..10_000_i64)
        .map(|nth| json!({ "id": nth, "timestamp": NOON - 11 * HOUR + nth, "type": if nth % 2 == 0 { "IN" } else { "OUT" } }))
        .collect();
    let answer = node.save("ann", &json!({ "entries": many })).await;
    assert_eq!(ids(&answer["data"]).len(), 800);
    let listed = ignored(&answer);
    assert_eq!((listed.len(), &listed[0]), (9_200, &(json!(800), "the day has 800 punches, which is the limit")));
    // The repetition changes nothing, and a punch of another day is taken.
    assert_eq!(node.save("ann", &json!({ "entries": many })).await["data"], answer["data"]);
    node.punch("ann", &json!([entry("y", "IN", NOON - DAY), entry("z", "OUT", NOON - DAY + HOUR)])).await;
    assert_eq!(work_of(&node.logs("ann").await), [("2026-11-19", 60)]);
}

#[tokio::test]
async fn punches_of_two_devices_in_one_second_on_two_nodes_leave_one_alternating_day() {
    let office = Office::open_at(NOON).await;
    let (one, two) = (&office.node, office.second_node().await);
    for round in 0..10 {
        let kind = if round % 2 == 0 { "IN" } else { "OUT" };
        let reason = if round % 2 == 0 { "an earlier IN stands" } else { "an earlier OUT stands" };
        let now = office.node.server_time().await;
        let (left, right) =
            (json!([entry(format!("l{round}"), kind, now)]), json!([entry(format!("r{round}"), kind, now)]));
        let (left, right) = (json!({ "entries": left }), json!({ "entries": right }));
        tokio::join!(one.save("ann", &left), two.save("ann", &right));
        // Both are stored, and one of them stands: which one is the same for every order of the two.
        let both = json!({ "entries": [left["entries"][0], right["entries"][0]] });
        assert_eq!(ignored(&one.save("ann", &both).await), [(json!(format!("r{round}")), reason)]);
        let document = one.session("ann").await;
        assert_eq!((&document["currentStatus"], ids(&document).len()), (&json!(kind), round + 1), "{document}");
        assert_eq!(two.session("ann").await["entries"], document["entries"]);
    }
}
