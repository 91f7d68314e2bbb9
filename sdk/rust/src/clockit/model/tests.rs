use serde_json::json;

use super::*;

fn state(id: &str, started_at: i64, accumulated_ms: i64, running: bool) -> SessionState {
    serde_json::from_value(json!({
        "sessionId": id, "userId": "ada", "label": id, "startedAt": started_at, "accumulatedMs": accumulated_ms,
        "running": running, "goals": [],
    }))
    .unwrap()
}

fn ready(sessions: Vec<SessionState>, server_time: i64) -> ServerMessage {
    ServerMessage::Ready { sessions, server_time }
}

fn tick(id: &str, elapsed_ms: i64, running: bool, server_time: i64) -> ServerMessage {
    let ticks = vec![SessionTick { session_id: id.to_owned(), elapsed_ms, running }];
    ServerMessage::Tick { ticks, server_time: Some(server_time) }
}

fn model(sessions: Vec<SessionState>, server_time: i64) -> Model {
    let mut model = Model::default();
    model.apply(ready(sessions, server_time));
    model
}

fn shown(model: &Model) -> Vec<i64> {
    model.sessions.iter().map(|session| session.elapsed_ms).collect()
}

#[test]
fn a_running_session_shows_the_last_whole_second_until_its_first_tick() {
    let mut model = model(vec![state("a", 10_400, 2_000, true), state("b", 0, 700, false)], 12_900);
    assert_eq!((shown(&model), model.has_running()), (vec![3_600, 700], true));
    assert!(model.apply(tick("a", 4_600, true, 13_000)));
    assert!(!model.apply(tick("a", 4_600, true, 13_000)), "a second arrives on two links");
    assert!(!model.apply(tick("a", 3_600, true, 12_000)), "a second is late");
    assert_eq!(shown(&model), [4_600, 700]);
}

#[test]
fn ticks_of_another_run_are_ignored_and_the_last_tick_of_a_run_counts() {
    let mut model = model(vec![state("a", 10_000, 0, true)], 12_000);
    assert!(!model.apply(tick("a", 9, false, 12_000)) && !model.apply(tick("b", 9, true, 12_000)));
    assert!(model.apply(ServerMessage::Update { session: state("a", 10_000, 2_400, false), is_removed: false }));
    assert_eq!(shown(&model), [2_400]);
    assert!(!model.apply(tick("a", 3_000, true, 13_000)));
    assert!(!model.apply(tick("a", 2_400, false, 12_400)));
}

#[test]
fn a_display_that_was_continued_goes_not_back() {
    let mut model = model(vec![state("a", 10_000, 0, true)], 12_000);
    assert!(model.continue_locally(15_000) && !model.continue_locally(15_000));
    assert_eq!(shown(&model), [5_000]);
    model.apply(ready(vec![state("a", 10_000, 0, true)], 14_100));
    assert_eq!(shown(&model), [5_000], "the local clock is ahead by a second");
    model.apply(tick("a", 6_000, true, 16_000));
    assert_eq!(shown(&model), [6_000]);
    model.apply(ready(vec![state("a", 10_000, 0, true)], 10_500));
    assert_eq!(shown(&model), [0], "the server's clock was set back");
}

#[test]
fn sessions_appear_change_and_leave_in_the_order_of_their_creation() {
    let mut model = model(vec![state("a", 0, 1, false)], 0);
    for id in ["b", "c"] {
        model.apply(ServerMessage::Update { session: state(id, 0, 2, false), is_removed: false });
    }
    assert!(model.apply(ServerMessage::Update { session: state("b", 0, 2, false), is_removed: true }));
    assert!(!model.apply(ServerMessage::Update { session: state("x", 0, 2, false), is_removed: true }));
    let ids: Vec<&str> = model.sessions.iter().map(|session| session.state.session_id.as_str()).collect();
    assert_eq!(ids, ["a", "c"]);
}

#[test]
fn numbers_of_any_size_do_no_harm() {
    let mut model = model(vec![state("a", i64::MIN, i64::MAX, true), state("b", i64::MAX, i64::MIN, true)], i64::MIN);
    for at in [i64::MAX, 0, i64::MIN] {
        model.apply(tick("a", at, true, at));
        model.continue_locally(at);
    }
    assert_eq!(model.sessions.len(), 2);
}
