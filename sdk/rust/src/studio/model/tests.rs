use serde_json::json;

use super::*;
use crate::iso_time;
use crate::studio::protocol::StudioMessage;

const NOW: i64 = 1_700_000_000_000;

fn event(name: &str, id: i64, start: i64, end: Option<i64>, server_time: i64) -> TimerEvent {
    let payload = json!({
        "timeEntryId": id, "taskType": null, "sessionId": 1, "projectId": null, "trackId": null,
        "startTime": iso_time::text(start), "endTime": end.map(iso_time::text), "durationMinutes": null,
        "cost": null, "userId": "ann", "serverTime": server_time,
    });
    let Some(StudioMessage::Event(event)) = StudioMessage::parse(name, payload) else { panic!("{name} is no event") };
    event
}

fn listed(id: i64, start: i64, updated_at: i64) -> TimeEntry {
    let entry = json!({
        "id": id, "taskTypeId": 1, "sessionId": 1, "projectId": null, "trackId": null,
        "startTime": iso_time::text(start), "endTime": null, "durationMinutes": null, "hourlyRateSnapshot": "50.50",
        "manuallyAdjusted": false, "billable": true, "notes": "first", "createdBy": 7,
        "createdAt": iso_time::text(start), "updatedAt": iso_time::text(updated_at),
    });
    serde_json::from_value(entry).unwrap()
}

#[test]
fn events_that_arrive_while_a_list_is_on_its_way_are_newer_than_the_list() {
    let mut model = StudioModel::default();
    model.put_all(&[listed(1, NOW, NOW), listed(2, NOW, NOW), listed(3, NOW, NOW)], &StudioModel::default());
    let before = model.clone();
    model.apply(&event("timer:stopped", 1, NOW, Some(NOW), NOW + 5));
    model.apply(&event("timer:adjusted", 2, NOW - 60_000, None, NOW + 5));
    model.apply(&event("timer:started", 4, NOW, None, NOW + 5));
    // Meanwhile another client has ended entry 3, of which the event was missed.
    model.put_all(&[listed(1, NOW, NOW), listed(2, NOW, NOW)], &before);
    let starts: Vec<(i64, i64)> = model.entries.values().map(|entry| (entry.id, entry.start_time)).collect();
    assert_eq!(starts, [(2, NOW - 60_000), (4, NOW)]);
    assert_eq!(model.entries[&2].notes.as_deref(), Some("first"));
    model.apply(&event("timer:started", 2, NOW, None, NOW));
    assert_eq!(model.entries[&2].start_time, NOW - 60_000, "an event of the other link can be late");
    model.apply(&event("timer:started", 1, NOW, None, NOW + 6));
    assert!(!model.entries.contains_key(&1), "what has ended never runs again");
}

#[test]
fn a_running_entry_is_displayed_with_its_cost_at_the_second() {
    let mut model = StudioModel::default();
    model.put_entry(&listed(1, NOW, NOW), None);
    let shown = &model.display(NOW + 15 * 60_000)[0];
    assert_eq!((shown.elapsed_seconds, shown.cost.formatted_cost.as_str()), (900, "$12.63"));
    assert_eq!(model.display(NOW - 5_000)[0].elapsed_seconds, 0);
}

#[test]
fn a_start_that_was_missed_needs_the_list_and_nonsense_is_no_event() {
    let model = StudioModel::default();
    assert!(model.is_incomplete(&event("timer:started", 1, NOW - 60_000, None, NOW), NOW));
    assert!(!model.is_incomplete(&event("timer:started", 1, NOW - 1_000, None, NOW), NOW));
    assert!(!model.is_incomplete(&event("timer:stopped", 1, NOW, Some(NOW), NOW), NOW));
    assert!(model.is_incomplete(&event("timer:adjusted", 1, NOW, None, NOW), NOW), "it overtakes the start");
    assert!(!model.is_incomplete(&event("timer:adjusted", 1, NOW, Some(NOW), NOW), NOW));
    for (name, payload) in [
        ("timer:started", json!(null)),
        ("timer:started", json!({ "timeEntryId": 1, "serverTime": NOW, "startTime": "soon" })),
        ("timer:stopped", json!([])),
        ("timer:adjusted", json!({ "timeEntryId": "1" })),
        ("later", json!({})),
        ("error", json!({ "message": "no code" })),
    ] {
        assert_eq!(StudioMessage::parse(name, payload.clone()), None, "{name} {payload}");
    }
}
