//! Time zones: unknown ones, odd offsets, moves, days of 23 and 25 hours.

use serde_json::json;

use super::*;

#[tokio::test]
async fn an_unknown_zone_is_refused_and_names_are_those_of_the_database() {
    let office = Office::open_at(NOON).await;
    let node = &office.node;
    for (body, reason) in [
        (json!({ "zone": "Mars/Olympus" }), "there is no time zone \"Mars/Olympus\"".to_owned()),
        (json!({ "zone": "" }), "there is no time zone \"\"".to_owned()),
        (json!({ "zone": "+01:00" }), "there is no time zone \"+01:00\"".to_owned()),
        (json!({ "zone": "../../etc/passwd" }), "there is no time zone \"../../etc/passwd\"".to_owned()),
        (json!({ "zone": "x".repeat(1000) }), format!("there is no time zone {:?}", "x".repeat(64))),
        (json!({ "zone": 7 }), "zone must be the name of a time zone, such as Europe/Berlin".to_owned()),
        (json!({}), "zone must be the name of a time zone, such as Europe/Berlin".to_owned()),
    ] {
        let answer = node.call("PUT", "/api/session/zone?userId=ann", &body.to_string()).await;
        assert_eq!((answer.status, answer.json()), (400, json!({ "error": reason })), "{body}");
    }
    assert_eq!(node.move_to("ann", "europe/berlin").await, json!({ "success": true, "zone": "Europe/Berlin" }));
    assert_eq!(node.move_to("ann", "Etc/UTC").await["success"], true);
}

#[tokio::test]
async fn days_and_times_are_of_the_zone_also_with_odd_offsets() {
    let office = Office::open_at(NOON).await;
    let (node, other) = (&office.node, office.second_node().await);
    for (zone, date, time) in [
        ("Asia/Kathmandu", "2026-11-20", "17:45:00"),
        ("Australia/Lord_Howe", "2026-11-20", "23:00:00"),
        ("Pacific/Chatham", "2026-11-21", "01:45:00"),
        ("Pacific/Kiritimati", "2026-11-21", "02:00:00"),
        ("America/St_Johns", "2026-11-20", "08:30:00"),
        ("Pacific/Pago_Pago", "2026-11-20", "01:00:00"),
        ("Etc/GMT+12", "2026-11-20", "00:00:00"),
    ] {
        node.move_to(zone, zone).await;
        let punch = json!([{ "id": 1, "timestamp": NOON, "type": "IN" }]);
        // The other node has not seen the move.
        let document = other.punch(zone, &punch).await;
        assert_eq!(
            (&document["lastActiveDate"], &document["entries"][0]["time"]),
            (&json!(date), &json!(time)),
            "{zone}"
        );
    }
}

#[tokio::test]
async fn a_move_during_the_day_moves_punches_to_their_days_on_every_node() {
    let office = Office::open_at(NOON).await;
    let (node, other) = (&office.node, office.second_node().await);
    let mut socket = live(&other, "ann").await;
    socket.next_of("session").await;
    node.punch("ann", &json!([entry(1, "IN", NOON - 11 * HOUR), entry(2, "OUT", NOON - 10 * HOUR)])).await;
    assert_eq!(ids(&socket.next_of("session").await["payload"]).len(), 2);
    // 01:00 UTC was yesterday in Honolulu, where it is 02:00 now.
    other.move_to("ann", "Pacific/Honolulu").await;
    let told = socket.next_of("session").await["payload"].clone();
    assert_eq!((&told["lastActiveDate"], ids(&told)), (&json!("2026-11-20"), vec![]));
    assert_eq!(work_of(&node.logs("ann").await), [("2026-11-19", 60)]);
    let stale = json!([entry(1, "IN", NOON - 11 * HOUR), entry(3, "IN", NOON - HOUR)]);
    assert_eq!(ids(&node.save("ann", &json!({ "entries": stale })).await["data"]), [json!(3)]);
    // In Kiritimati the day has begun at 10:00 UTC: the punch of 11:00 stays on it, and the log of Honolulu as it is.
    node.move_to("ann", "Pacific/Kiritimati").await;
    let moved = other.session("ann").await;
    assert_eq!((&moved["lastActiveDate"], ids(&moved)), (&json!("2026-11-21"), vec![json!(3)]));
    assert_eq!(work_of(&node.logs("ann").await), [("2026-11-19", 60)]);
    // And back: 2026-11-20 is the current day again.
    node.move_to("ann", "UTC").await;
    let back = node.session("ann").await;
    assert_eq!((&back["lastActiveDate"], ids(&back)), (&json!("2026-11-20"), vec![json!(3)]));
    assert_eq!(other.session("ann").await["entries"], back["entries"]);
}

#[tokio::test]
async fn days_of_23_and_25_hours_and_the_last_of_a_year_are_archived_as_they_are() {
    // 2027-03-27T20:00:00Z; the clocks go forward in Berlin on the 28th, and back on 2027-10-31. Lord Howe moves by half
    // an hour, on 2027-04-04 back and on 2027-10-03 forward.
    for (begin, zone, days) in [
        (1_806_177_600_000, "Europe/Berlin", [("2027-03-29", 1440), ("2027-03-28", 1380), ("2027-03-27", 180)]),
        (1_824_919_200_000, "Europe/Berlin", [("2027-11-01", 1440), ("2027-10-31", 1500), ("2027-10-30", 240)]),
        (1_806_753_600_000, "Australia/Lord_Howe", [("2027-04-05", 1440), ("2027-04-04", 1470), ("2027-04-03", 60)]),
        (1_798_747_200_000, "UTC", [("2027-01-02", 1440), ("2027-01-01", 1440), ("2026-12-31", 240)]),
    ] {
        let office = Office::open_at(begin).await;
        let node = &office.node;
        node.move_to("ann", zone).await;
        node.punch("ann", &json!([entry(1, "IN", begin)])).await;
        office.pass_until(begin + 64 * HOUR).await;
        wait_until("three days to be archived", async || node.logs("ann").await.len() == 3).await;
        assert_eq!(work_of(&node.logs("ann").await), days, "{zone}");
        let document = node.session("ann").await;
        assert_eq!((ids(&document), &document["currentStatus"]), (vec![json!(1)], &json!("IN")));
    }
}
