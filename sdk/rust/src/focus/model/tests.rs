use super::*;
use ActivityKind::{Active, Idle, Unseen};

const NOW: i64 = 1_700_000_000_000;

fn counters(elapsed: u64, idle: u64) -> FocusCounters {
    FocusCounters { elapsed_seconds: elapsed, active_seconds: elapsed - idle, idle_seconds: idle, tab_switches: 0 }
}

fn session(status: FocusStatus, elapsed: u64, updated_at: i64) -> Arc<FocusSession> {
    Arc::new(FocusSession {
        id: "s".to_owned(),
        user_id: "ada".to_owned(),
        content_id: None,
        subject: "Latin".to_owned(),
        target_minutes: 25.0,
        status,
        counters: counters(elapsed, 0),
        focus_score: 0,
        started_at: NOW,
        ended_at: None,
        created_at: NOW,
        updated_at,
    })
}

fn active(elapsed: u64) -> FocusModel {
    let mut model = FocusModel::default();
    model.apply_session(session(FocusStatus::Active, elapsed, NOW), NOW);
    model
}

fn tick(elapsed: u64, idle: u64, is_idle: bool) -> FocusTick {
    FocusTick { idle: is_idle, counters: counters(elapsed, idle) }
}

fn runs(model: &FocusModel) -> Vec<(ActivityKind, u64)> {
    model.runs.iter().map(|run| (run.kind, run.seconds)).collect()
}

#[test]
fn ticks_become_runs_and_seconds_without_the_server_are_taken_back() {
    let mut model = active(10);
    model.apply_tick(tick(11, 0, false), NOW + 1_000);
    model.apply_tick(tick(14, 2, true), NOW + 4_000);
    assert_eq!(runs(&model), [(Unseen, 10), (Active, 2), (Idle, 2)]);
    let more = model.uncounted(NOW + 9_000, NOW + 7_000).unwrap();
    assert_eq!(more, UncountedSeconds { seconds: 5, idle: 2 });
    model.continue_locally(more);
    assert_eq!((model.session.as_ref().unwrap().counters, model.idle), (counters(19, 4), true));
    model.apply_tick(tick(18, 3, true), NOW + 8_000);
    assert_eq!(model.session.as_ref().unwrap().counters.elapsed_seconds, 19, "no second is displayed twice");
    model.apply_tick(tick(13, 1, false), NOW + 20_000);
    assert_eq!(runs(&model), [(Unseen, 10), (Active, 2), (Idle, 1)]);
}

#[test]
fn the_server_counts_on_for_a_client_that_returns_within_half_a_minute() {
    let model = active(10);
    assert_eq!(model.uncounted(NOW + 30_000, NOW).map(|more| more.seconds), Some(30));
    assert_eq!(model.uncounted(NOW + 31_000, NOW), None);
    let mut paused = FocusModel::default();
    paused.apply_session(session(FocusStatus::Paused, 10, NOW), NOW);
    assert_eq!(paused.uncounted(NOW + 1_000, NOW), None);
    paused.apply_tick(tick(11, 0, false), NOW + 1_000);
    assert_eq!(paused.session.as_ref().unwrap().counters.elapsed_seconds, 10, "a tick precedes the pause");
}

#[test]
fn an_older_document_has_no_effect_and_a_waiting_command_is_displayed() {
    let mut model = active(10);
    model.apply_session(session(FocusStatus::Completed, 12, NOW - 1), NOW);
    assert_eq!(model.status(), Some(FocusStatus::Active));
    model.apply_session(session(FocusStatus::Active, 8, NOW + 1), NOW);
    assert_eq!(model.session.as_ref().unwrap().counters.elapsed_seconds, 10, "a document can be late");
    let mut shown = model.clone();
    shown.apply_pending("s", FocusStatus::Paused);
    shown.apply_pending("another", FocusStatus::Completed);
    assert_eq!(shown.status(), Some(FocusStatus::Paused));
    shown.apply_pending("s", FocusStatus::Completed);
    shown.apply_pending("s", FocusStatus::Active);
    assert_eq!(shown.status(), Some(FocusStatus::Completed), "nothing reopens a session");
}

#[test]
fn old_runs_are_joined() {
    let mut all = Vec::new();
    for nth in 0..2_000 {
        append(&mut all, ActivityRun { kind: if nth % 2 == 0 { Active } else { Idle }, seconds: 1 });
    }
    assert_eq!((all.len(), all[0].kind), (RUNS_MAX, Unseen));
    assert_eq!(all.iter().map(|run| run.seconds).sum::<u64>(), 2_000);
}
