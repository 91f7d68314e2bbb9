//! Random clients: whatever they do, the server sends and answers only what the schemas say.

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::sample::select;
use serde_json::{Value, json};
use timers::focus::FocusId;
use timers::{Scope, Timestamp, UserId};

use super::schemas::Schemas;
use super::{clockit, focus, punch_clock, rooms, studio};

/// The first instant of a script.
const START: u64 = 1_795_176_000_250;

/// Returns a script with one line every 1.5 s.
fn script(lines: &[String]) -> String {
    let timed = lines.iter().enumerate().map(|(nth, line)| {
        let now = START + 1500 * nth as u64;
        format!("@ {now}\n{}\n", line.replace("BEAT", &(now / 1000).to_string()))
    });
    timed.collect()
}

fn check(system: &str, play: fn(&str) -> String, lines: &[String]) {
    thread_local! {
        static SCHEMAS: Schemas = Schemas::new();
    }
    let transcript = play(&script(lines));
    SCHEMAS.with(|schemas| schemas.check(system, &transcript));
}

fn line_of(text: &'static str) -> impl Strategy<Value = String> {
    Just(text.to_owned())
}

fn text() -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Null), "[a-zA-Z \\\\\"'äß😀]{0,12}".prop_map(Value::from)]
}

/// Removes the fields that are `null`, or keeps them.
fn fields(mut body: Value, keeps_null: bool) -> Value {
    if let Some(fields) = body.as_object_mut().filter(|_| !keeps_null) {
        fields.retain(|_, value| !value.is_null());
    }
    body
}

fn goal() -> impl Strategy<Value = Value> {
    (select(&["g", "h"][..]), text(), any::<Option<bool>>(), select(&["completedAt", "note", "groupName"][..]))
        .prop_map(|(id, title, completed, extra)| {
            let title = title.as_str().unwrap_or("t").to_owned();
            json!({ "id": id, "title": title, "completed": completed, extra: "2026-11-20" })
        })
}

fn clockit_line() -> impl Strategy<Value = String> {
    let session = || select(&["s", "t", "u"][..]);
    let start = (session(), text(), text(), vec(goal(), 0..2), any::<bool>()).prop_map(
        |(id, label, other, goals, keeps_null)| {
            let payload =
                json!({ "sessionId": id, "label": label, "groupName": other, "comment": other, "goals": goals });
            json!({ "type": "session-start", "id": 1, "payload": fields(payload, keeps_null) })
        },
    );
    let kinds = ["session-stop", "session-pause", "session-resume", "session-remove"];
    let simple = (select(kinds.to_vec()), session())
        .prop_map(|(kind, id)| json!({ "type": kind, "payload": { "sessionId": id } }));
    let attach = (session(), goal()).prop_map(
        |(id, goal)| json!({ "type": "session-attach", "id": "x", "payload": { "sessionId": id, "goal": goal } }),
    );
    let message = prop_oneof![3 => start, 3 => simple, 1 => attach].prop_map(|message| format!("> {message}"));
    prop_oneof![
        6 => message,
        2 => line_of("~ BEAT"),
        1 => line_of("?"),
        1 => line_of("!"),
        1 => select(&["= v1", "= seed"][..]).prop_map(str::to_owned),
    ]
}

fn rooms_line() -> impl Strategy<Value = String> {
    let client = || select(&["a", "b", "c"][..]);
    let number =
        || prop_oneof![Just(json!(3)), Just(json!(0.5)), Just(json!(86_400)), Just(json!(-7)), Just(json!("5"))];
    let create = (number(), text(), any::<bool>()).prop_map(|(duration, name, has_duration)| {
        let duration = if has_duration { duration } else { Value::Null };
        format!("session:create {}", fields(json!({ "duration": duration, "name": name }), false))
    });
    let join = (text(), text(), any::<bool>()).prop_map(|(name, resume, keeps_null)| {
        format!("session:join {}", fields(json!({ "sessionId": "r", "name": name, "resume": resume }), keeps_null))
    });
    let start = number().prop_map(|duration| format!("timer:start {duration}"));
    let adjust = number().prop_map(|seconds| format!("timer:adjust {}", json!({ "seconds": seconds })));
    let bare = ["session:leave", "timer:start", "timer:pause", "timer:resume", "timer:reset"];
    let event = prop_oneof![create, join, start, adjust, select(bare.to_vec()).prop_map(str::to_owned)];
    prop_oneof![
        8 => (client(), event).prop_map(|(client, event)| format!("> {client} {event}")),
        2 => line_of("~ BEAT"),
        1 => line_of("!"),
        1 => client().prop_map(|client| format!("x {client}")),
    ]
}

fn studio_line() -> impl Strategy<Value = String> {
    let id = || prop_oneof![Just(Value::Null), (0_u64..4).prop_map(Value::from)];
    let target = (id(), id(), id()).prop_map(|(session, project, track)| (session, project, track));
    let start = (1_u64..7, target, text()).prop_map(|(task_type, (session, project, track), notes)| {
        let input = json!({ "taskTypeId": task_type, "sessionId": session, "projectId": project, "trackId": track });
        let mut input = input;
        if notes.is_string() {
            input["notes"] = notes;
        }
        format!("POST timeTracking.timer.start {input}")
    });
    let stop = (1_u64..4).prop_map(|id| format!("POST timeTracking.timer.stop {}", json!({ "timeEntryId": id })));
    let instant = || select(&["2026-11-20T11:00:00Z", "2026-11-20T13:00:00.250+01:00", "2026-11-20T12:00:01Z"][..]);
    let adjust = (1_u64..4, instant(), any::<bool>()).prop_map(|(id, at, is_end)| {
        let field = if is_end { "endTime" } else { "startTime" };
        format!("POST timeTracking.timeEntries.adjust {}", json!({ "timeEntryId": id, field: at }))
    });
    let create = (text(), select(&["5", "50.505", ".5", "1e2", "-1"][..])).prop_map(|(name, rate)| {
        format!("POST timeTracking.taskTypes.create {}", json!({ "name": name, "hourlyRate": rate }))
    });
    let update = (1_u64..7, any::<bool>()).prop_map(|(id, active)| {
        format!("POST timeTracking.taskTypes.update {}", json!({ "id": id, "data": { "isActive": active } }))
    });
    let list = (id(), any::<bool>()).prop_map(|(limit, adjusted)| {
        format!(
            "GET timeTracking.timeEntries.list {}",
            json!({ "limit": limit, "includeManuallyAdjusted": adjusted, "dateRange": null })
        )
    });
    let active = id().prop_map(|id| format!("GET timeTracking.timer.getActive {}", json!({ "sessionId": id })));
    let user = select(&["7", "bob", "007"][..]);
    let types = line_of("GET timeTracking.taskTypes.list");
    let call =
        prop_oneof![3 => start, 2 => stop, 2 => adjust, 1 => create, 1 => update, 1 => list, 1 => active, 1 => types];
    (user, call).prop_map(|(user, call)| format!("> {user} {call}"))
}

fn punch() -> impl Strategy<Value = Value> {
    (0_u64..9, 0_u64..4_000_000, any::<bool>(), select(&["10:00:00", "25:00:00", ""][..])).prop_map(
        |(id, before, is_in, time)| {
            let id = if id < 5 { json!(id) } else { json!(id.to_string()) };
            json!({ "id": id, "timestamp": START - before, "type": if is_in { "IN" } else { "OUT" }, "time": time })
        },
    )
}

fn punch_clock_line() -> impl Strategy<Value = String> {
    let stats = [
        json!({ "totalWorkMinutes": 1, "totalBreakMinutes": -2.5, "isComplete": false }),
        json!({ "totalWorkMinutes": 1, "totalBreakMinutes": 2, "isComplete": "no" }),
        json!({ "totalWorkMinutes": 1, "totalBreakMinutes": 2, "isComplete": true, "more": 1 }),
    ];
    let post = (vec(punch(), 0..4), select(&["dark", "aurora", "pink"][..]), select(stats.to_vec())).prop_map(
        |(entries, theme, stats)| {
            let body = json!({ "entries": entries, "currentTheme": theme, "dailyStats": stats, "__v": 3 });
            format!("> POST /api/session {body}")
        },
    );
    let log = vec(punch(), 0..3).prop_map(|entries| {
        format!("> POST /api/daily-logs {}", json!({ "date": "2026-11-20", "entries": entries, "dailyStats": {} }))
    });
    let zone = select(&["Asia/Tokyo", "America/New_York", "Nowhere/Here"][..])
        .prop_map(|zone| format!("> PUT /api/session/zone {}", json!({ "zone": zone })));
    prop_oneof![
        5 => post,
        2 => log,
        1 => zone,
        2 => line_of("~ BEAT"),
        1 => line_of("?"),
        1 => line_of("> GET /api/session"),
        1 => line_of("> DELETE /api/session"),
        1 => line_of("> GET /api/daily-logs"),
    ]
}

/// Returns the id of the only session, which the first line creates.
fn focus_id() -> FocusId {
    FocusId::new(&Scope::focus(&UserId::new("ann").unwrap()), Timestamp(START), [0, 0, 1])
}

fn focus_lines() -> impl Strategy<Value = Vec<String>> {
    let id = focus_id();
    let target = select(&["25", "0.5", "\"12.5\"", "0"][..]);
    let create = (target, text(), text()).prop_map(|(target, subject, content)| {
        let body = format!(r#"{{"targetMinutes":{target},"subject":{subject},"contentId":{content}}}"#);
        format!("> POST /api/sessions {body}")
    });
    let kinds = [
        format!(r#"> a {{"type":"start","sessionId":"{id}","id":1}}"#),
        r#"> a {"type":"activity"}"#.to_owned(),
        r#"> a {"type":"tabSwitch","id":"x"}"#.to_owned(),
        r#"> a {"type":"stop","status":"abandoned"}"#.to_owned(),
        format!(r#"> PUT /api/sessions/{id} {{"status":"paused","subject":null}}"#),
        format!(r#"> PUT /api/sessions/{id} {{"status":"active","targetMinutes":5,"contentId":7}}"#),
        format!(r#"> PUT /api/sessions/{id}/end {{"elapsedSeconds":"60","activeSeconds":5.5,"idleSeconds":null}}"#),
        format!("> GET /api/sessions/{id}"),
        format!("> DELETE /api/sessions/{id}"),
        "> GET /api/sessions?status=completed".to_owned(),
        "> GET /api/users/me/stats".to_owned(),
        "~ BEAT".to_owned(),
    ];
    let first = r#"> POST /api/sessions {"targetMinutes":1}"#.to_owned();
    vec(prop_oneof![1 => create, 9 => select(kinds.to_vec())], 1..25)
        .prop_map(move |rest| [vec![first.clone(), "+ a".to_owned()], rest].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_stopwatches_are_sent_as_their_schemas_say(lines in vec(clockit_line(), 1..25)) {
        check("clockit", clockit::Player::play, &lines);
    }

    #[test]
    fn random_rooms_are_sent_as_their_schemas_say(lines in vec(rooms_line(), 1..25)) {
        let lines = [vec!["> a session:create".to_owned()], lines].concat();
        check("rooms", rooms::Player::play, &lines);
    }

    #[test]
    fn random_studios_are_sent_as_their_schemas_say(lines in vec(studio_line(), 1..25)) {
        let lines = [vec!["> 7 GET timeTracking.taskTypes.list".to_owned()], lines].concat();
        check("studio", studio::Player::play, &lines);
    }

    #[test]
    fn random_working_days_are_sent_as_their_schemas_say(lines in vec(punch_clock_line(), 1..25)) {
        check("punch_clock", punch_clock::Player::play, &lines);
    }

    #[test]
    fn random_focus_sessions_are_sent_as_their_schemas_say(lines in focus_lines()) {
        check("focus", focus::Player::play, &lines);
    }
}
