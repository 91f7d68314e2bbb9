//! Inputs of wrong types, missing, unknown and oversized fields, and ids of another organisation.

use serde_json::{Value, json};

use super::member::{ACTIVE, ADJUST, CREATE, LIST, MUTATIONS, Member, QUERIES, START, STOP, TYPES, UPDATE, start};

/// A field, an input that is accepted, and values of the field that are not.
struct Field {
    procedure: &'static str,
    good: Value,
    name: &'static str,
    bad: Vec<Value>,
}

fn field(procedure: &'static str, good: &Value, name: &'static str, bad: &[&[Value]]) -> Field {
    Field { procedure, good: good.clone(), name, bad: bad.concat() }
}

fn no_text() -> [Value; 5] {
    [json!(1), json!(true), json!([]), json!({}), Value::Null]
}

fn no_integer() -> [Value; 7] {
    [json!("1"), json!(1.5), json!(true), json!([1]), json!({}), json!(1e300), json!(9_007_199_254_740_992_u64)]
}

fn no_flag() -> [Value; 4] {
    [json!("true"), json!(1), json!({}), Value::Null]
}

fn fields_of_types() -> Vec<Field> {
    let (text, integer, missing) = (no_text(), no_integer(), [Value::Null]);
    let name = ["".to_owned(), "x".repeat(101), "😀".repeat(51)].map(Value::from);
    let rate = ["-1", "NaN", "Infinity", "1,5", "", "100000000", "1e9", " 1"].map(Value::from);
    let color = ["red", "#12345", "#1234567", "#GGGGGG", ""].map(Value::from);
    let category = ["free", "", "Billable"].map(Value::from);
    let data = [json!([]), json!("x"), Value::Null, json!({ "name": "" }), json!({ "isActive": 1 })];
    let more_data = [json!({ "hourlyRate": "-0.01" }), json!({ "sortOrder": "1" }), json!({ "color": 1 })];
    let (new, change) = (json!({ "name": "x", "hourlyRate": "1" }), json!({ "id": 1, "data": {} }));
    vec![
        field(TYPES, &json!({}), "includeInactive", &[&no_flag()]),
        field(CREATE, &new, "name", &[&text, &name]),
        field(CREATE, &new, "description", &[&text]),
        field(CREATE, &new, "hourlyRate", &[&text, &rate]),
        field(CREATE, &new, "category", &[&text, &category]),
        field(CREATE, &new, "color", &[&text, &color]),
        field(CREATE, &new, "sortOrder", &[&integer, &missing]),
        field(UPDATE, &change, "id", &[&integer, &missing]),
        field(UPDATE, &change, "data", &[&data, &more_data]),
    ]
}

fn fields_of_entries() -> Vec<Field> {
    let (text, integer, missing) = (no_text(), no_integer(), [Value::Null]);
    let date = ["yesterday", "", "2026-02-30T00:00:00Z", "1969-12-31T00:00:00Z"].map(Value::from);
    let no_date = [json!(5), Value::Null];
    let (entry, session) = (json!({ "taskTypeId": 1, "sessionId": 7 }), json!({ "sessionId": 7 }));
    let (adjustment, all) = (json!({ "timeEntryId": 1 }), json!({}));
    let day = "2026-01-01T00:00:00Z";
    let range = [json!([]), json!("x"), json!({}), json!({ "start": day }), json!({ "start": "x", "end": day })];
    let list = [json!(1), json!("1"), json!(["1"]), json!([1.5]), json!({})];
    let limit = [json!(0), json!(-1), json!(1001), json!("5"), json!(1.5)];
    let cursor = [json!(1), json!("x"), json!(""), json!("1_"), json!({})];
    vec![
        field(START, &entry, "taskTypeId", &[&integer, &missing]),
        field(START, &entry, "sessionId", &[&integer]),
        field(START, &entry, "projectId", &[&integer]),
        field(START, &entry, "trackId", &[&integer]),
        field(START, &entry, "notes", &[&text]),
        field(STOP, &adjustment, "timeEntryId", &[&integer, &missing]),
        field(ACTIVE, &session, "sessionId", &[&integer]),
        field(LIST, &all, "trackId", &[&integer]),
        field(LIST, &all, "taskTypeIds", &[&list]),
        field(LIST, &all, "includeManuallyAdjusted", &[&no_flag()]),
        field(LIST, &all, "isRunning", &[&no_flag()]),
        field(LIST, &all, "limit", &[&limit]),
        field(LIST, &all, "cursor", &[&cursor]),
        field(LIST, &all, "dateRange", &[&range]),
        field(ADJUST, &adjustment, "timeEntryId", &[&integer, &missing]),
        field(ADJUST, &adjustment, "startTime", &[&date, &no_date]),
        field(ADJUST, &adjustment, "endTime", &[&date, &no_date]),
        field(ADJUST, &adjustment, "notes", &[&text]),
    ]
}

#[tokio::test]
async fn a_field_of_a_wrong_type_is_named_and_changes_nothing() {
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    ann.stop(&ann.start(1).await).await;
    let types = ann.query(TYPES, &Value::Null).await.data();
    let entries = ann.entries(&Value::Null).await;
    for Field { procedure, good, name, bad } in fields_of_types().into_iter().chain(fields_of_entries()) {
        for value in bad {
            let mut input = good.clone();
            input[name] = value;
            let (code, message) = ann.call_raw(procedure, &input.to_string()).await.error();
            assert_eq!(code, "BAD_REQUEST", "{procedure} {input}: {message}");
            assert!(message.contains(name), "{procedure} {input}: {message}");
        }
    }
    assert_eq!(ann.query(TYPES, &Value::Null).await.data(), types);
    assert_eq!(ann.entries(&Value::Null).await, entries);
}

#[tokio::test]
async fn inputs_that_are_no_objects_and_missing_fields_are_refused() {
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    for procedure in MUTATIONS {
        for input in
            ["", "null", "[]", "1", "\"x\"", "true", "{}", "{", "{\"a\":}", "\u{feff}{}", "{}{}", "nonsense", "[[[["]
        {
            let (code, message) = ann.call_raw(procedure, input).await.error();
            assert_eq!(code, "BAD_REQUEST", "{procedure} {input}: {message}");
        }
    }
    for procedure in QUERIES {
        for input in ["[]", "1", "\"x\"", "true", "{", "{}{}", "nonsense"] {
            let (code, message) = ann.call_raw(procedure, input).await.error();
            assert_eq!(code, "BAD_REQUEST", "{procedure} {input}: {message}");
        }
    }
    for required in [CREATE, UPDATE, START, STOP, ADJUST] {
        let (_, message) = ann.call_raw(required, "{}").await.error();
        assert!(message.contains("missing"), "{required}: {message}");
    }
    assert_eq!(ann.query(TYPES, &Value::Null).await.data().as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn unknown_fields_are_ignored_and_deeply_nested_ones_harm_nobody() {
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let answer = ann.call_raw(START, &format!(r#"{{"taskTypeId":1,"sessionId":1,"x":{deep}}}"#)).await;
    let is_refused = answer.0.status == 400;
    assert!(is_refused || answer.data()["id"] == 1, "{:?}", answer.0.head);
    let noise = json!({
        "taskTypeId": 1, "sessionId": 2, "x": { "y": [1, null, {}] }, "organizationId": 2, "userId": 99, "id": 500,
        "createdBy": 99, "startTime": "2020-01-01T00:00:00Z", "hourlyRateSnapshot": "1.00", "__proto__": { "a": 1 },
    });
    let entry = ann.mutate(START, &noise).await.data();
    assert_eq!((&entry["createdBy"], &entry["hourlyRateSnapshot"]), (&json!(1), &json!("50.00")));
    assert!(entry["id"].as_u64().unwrap() < 3 && !entry["startTime"].as_str().unwrap().starts_with("2020"), "{entry}");
    let twice = r#"{"taskTypeId":1,"sessionId":3,"sessionId":4}"#;
    let answer = ann.call_raw(START, twice).await;
    assert!(answer.0.status == 400 || answer.data()["sessionId"] == 4, "as JSON.parse reads it: {:?}", answer.0);
}

#[tokio::test]
async fn texts_that_are_too_long_are_refused_and_others_return_as_sent() {
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    for text in
        ["", " ", "a\"b\\c\n\u{0}\u{7f}\u{2028}", "👩‍👩‍👧‍👦 é ß 漢", "</script>", &"x".repeat(10_000), &"😀".repeat(10_000)]
    {
        let entry = ann.mutate(START, &json!({ "taskTypeId": 1, "sessionId": 1, "notes": text })).await.data();
        assert_eq!(entry["notes"], text);
        let adjusted = ann.mutate(ADJUST, &json!({ "timeEntryId": entry["id"], "notes": text })).await.data();
        assert_eq!(adjusted["notes"], text);
        ann.stop(&entry).await;
        let listed = ann.entries(&json!({ "limit": 1 })).await;
        assert_eq!(listed[0]["notes"], text);
    }
    let long = "x".repeat(10_001);
    let message = "notes and descriptions have at most 10000 characters";
    let entry = ann.start(2).await;
    for (procedure, input) in [
        (START, json!({ "taskTypeId": 1, "sessionId": 3, "notes": long })),
        (ADJUST, json!({ "timeEntryId": entry["id"], "notes": long })),
        (CREATE, json!({ "name": "x", "hourlyRate": "1", "description": long })),
        (UPDATE, json!({ "id": 1, "data": { "description": long } })),
    ] {
        ann.mutate(procedure, &input).await.fails("BAD_REQUEST", message);
    }
    // A lone surrogate is no Unicode text.
    let (code, _) = ann.call_raw(START, r#"{"taskTypeId":1,"sessionId":3,"notes":"\ud800"}"#).await.error();
    assert_eq!(code, "BAD_REQUEST");
}

#[tokio::test]
async fn ids_of_another_organization_are_unknown_in_every_procedure() {
    let node = start(&[]).await;
    let (ann, eve) = (Member::new(&node, 1, 1), Member::new(&node, 2, 2));
    let made = ann.mutate(CREATE, &json!({ "name": "Secret", "hourlyRate": "1" })).await.data();
    let (running, stopped) = (ann.start(1).await, ann.start(2).await);
    ann.stop(&stopped).await;
    let before = (ann.entries(&Value::Null).await, ann.query(TYPES, &Value::Null).await.data());
    for entry in [&running, &stopped] {
        for named in [json!({}), json!({ "organizationId": 1, "userId": 1 })] {
            let mut input = named;
            input["timeEntryId"] = entry["id"].clone();
            eve.mutate(STOP, &input).await.fails("NOT_FOUND", "Time entry not found");
            input["notes"] = json!("changed");
            eve.mutate(ADJUST, &input).await.fails("NOT_FOUND", "Time entry not found");
        }
    }
    let foreign = json!({ "taskTypeId": made["id"], "sessionId": 1 });
    eve.mutate(START, &foreign).await.fails("NOT_FOUND", "Task type not found");
    eve.mutate(UPDATE, &json!({ "id": made["id"], "data": {} })).await.fails("NOT_FOUND", "Task type not found");
    assert_eq!(eve.query(ACTIVE, &json!({ "sessionId": 1 })).await.data(), Value::Null);
    for filter in [json!({}), json!({ "sessionId": 1 }), json!({ "taskTypeIds": [made["id"], 1] })] {
        assert_eq!(eve.entries(&filter).await, [] as [Value; 0]);
    }
    let cursor = ann.query(LIST, &json!({ "limit": 1 })).await.data()["nextCursor"].clone();
    assert_eq!(eve.entries(&json!({ "cursor": cursor })).await, [] as [Value; 0]);
    for absent in [0_i64, -1, i64::from(u32::MAX), 9_007_199_254_740_991] {
        ann.mutate(STOP, &json!({ "timeEntryId": absent })).await.fails("NOT_FOUND", "Time entry not found");
    }
    assert_eq!((ann.entries(&Value::Null).await, ann.query(TYPES, &Value::Null).await.data()), before);
}
