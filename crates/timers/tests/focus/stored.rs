//! The stored form of sessions and statistics.

use timers::focus::{EndedSession, Ending, FocusCommand, FocusId, FocusRefusal, FocusSession, FocusStats, OpenStatus};
use timers::{Item, ItemKey, RawJson};

use super::fixture::*;

const SESSION: &str = r#"{"v":1,"focus-session":{"id":"6b003640aabbcc0102030405","content_id":"c","subject":"Maths","target_minutes":0.5,"status":"active","created_at":5,"started_at":5,"updated_at":9,"tab_switches":2,"was_tracked":true,"settled":[9,7,2],"closed":[{"since":1,"idle_after":15000,"spans":[[1,1]],"folded":[3,2],"seen_at":1,"stopped_at":9000,"colour":1.50}],"tracking":{"since":9500,"idle_after":15000,"spans":[[9500,9900],[40000,40001]],"folded":[0,0],"seen_at":9900},"trackers":[{"node":"n","connection":"c"}],"later":[1e2]}}"#;

const STATS: &str = r#"{"v":1,"focus-stats":{"score_sum":3,"completed":2,"active_seconds":60,"completions":[1994640,1,4,2],"endings":[{"id":"6b003640aabbcc0102030405","score":3}],"later":{"a":1.0}}}"#;

const ROW: &str = r#"{"v":1,"session":{"id":"6b003640aabbcc0102030405","content_id":"c","subject":"Maths","target_minutes":2.5,"ending":"cancelled","created_at":5,"started_at":5,"ended_at":9,"updated_at":9,"counters":[9,7,1],"tab_switches":2,"focus_score":3,"later":1.50}}"#;

#[test]
fn fields_of_a_newer_version_survive_a_rewrite() {
    for stored in [SESSION, STATS] {
        let item = Item::decode(stored.as_bytes()).unwrap();
        assert!(matches!(item, Item::FocusSession(_) | Item::FocusStats(_)));
        assert_eq!(String::from_utf8(item.encode()).unwrap(), stored);
    }
    let ended = EndedSession::decode(ROW).unwrap();
    assert_eq!(ended.row().body.as_str(), ROW);
    assert_eq!(ended.row().terms, [Ending::Cancelled.term()]);
    assert_eq!((ended.row().id, ended.row().at.0), (ended.id.row_id(), 5));
}

#[test]
fn fields_of_a_newer_version_survive_an_ending() {
    let mut ann = Person::new();
    let item = Item::decode(SESSION.as_bytes()).unwrap();
    let id: FocusId = "6b003640aabbcc0102030405".parse().unwrap();
    ann.board.items.insert(ItemKey::of::<FocusSession>(&id), item.into());
    let ended = ann.end(id, Ending::Completed);
    assert_eq!(ended.unknown_fields, [("later".to_owned(), RawJson::new("[1e2]").unwrap())]);
}

#[test]
fn damaged_items_are_refused() {
    for (good, bad) in [
        (r#""target_minutes":0.5"#, r#""target_minutes":0"#),
        (r#""target_minutes":0.5"#, r#""target_minutes":"25""#),
        (r#""target_minutes":0.5,"#, ""),
        (r#""status":"active""#, r#""status":"completed""#),
        ("6b003640aabbcc0102030405", "6b003640"),
        (r#""settled":[9,7,2]"#, r#""settled":[9,7,3]"#),
        (r#""settled":[9,7,2]"#, r#""settled":[9,18446744073709551615,3]"#),
        (r#""settled":[9,7,2]"#, r#""settled":[9,7]"#),
        (r#""folded":[3,2]"#, r#""folded":[2,3]"#),
        (r#""folded":[3,2]"#, r#""folded":[-1,-1]"#),
        ("[[9500,9900],[40000,40001]]", "[[9900,9500]]"),
        ("[[9500,9900],[40000,40001]]", "[[40000,40001],[9500,9900]]"),
        ("[[9500,9900],[40000,40001]]", "[[9500,9900],[9900,40001]]"),
        (r#""trackers":[{"node":"n","connection":"c"}]"#, r#""trackers":[{"node":"n"}]"#),
        (r#""closed":["#, r#""closed":[1,"#),
        (r#""was_tracked":true"#, r#""was_tracked":1"#),
        (r#""tab_switches":2"#, r#""tab_switches":-2"#),
    ] {
        assert!(SESSION.contains(good), "{good}");
        let damaged = SESSION.replacen(good, bad, 1);
        assert!(Item::decode(damaged.as_bytes()).is_err(), "{damaged}");
    }
    for (good, bad) in [
        ("[1994640,1,4,2]", "[1994640,1,4]"),
        ("[1994640,1,4,2]", "[1994640,0]"),
        ("[1994640,1,4,2]", "[1994640,1,0,2]"),
        ("[1994640,1,4,2]", "[18446744073709551615,1,1,1]"),
        ("[1994640,1,4,2]", "[-1,1]"),
        (r#""score_sum":3,"#, ""),
        (r#""score":3"#, r#""score":null"#),
    ] {
        assert!(STATS.contains(good), "{good}");
        let damaged = STATS.replacen(good, bad, 1);
        assert!(Item::decode(damaged.as_bytes()).is_err(), "{damaged}");
    }
    for (good, bad) in
        [(r#""v":1"#, r#""v":2"#), (r#""ending":"cancelled""#, r#""ending":"active""#), ("[9,7,1]", "[9,7,3]")]
    {
        assert!(EndedSession::decode(&ROW.replacen(good, bad, 1)).is_err(), "{bad}");
    }
    for end in 0..SESSION.len() {
        assert!(Item::decode(&SESSION.as_bytes()[..end]).is_err());
    }
}

/// Numbers at the ends of their ranges neither overflow nor panic.
#[test]
fn extreme_numbers_are_counted_without_a_panic() {
    let max = "18446744073709551615";
    for (good, extreme) in [
        (r#""settled":[9,7,2]"#, format!(r#""settled":[{max},{max},0]"#)),
        (r#""folded":[3,2]"#, format!(r#""folded":[{max},{max}]"#)),
        (r#""folded":[0,0]"#, format!(r#""folded":[{max},{max}]"#)),
        (r#""since":9500,"idle_after":15000"#, format!(r#""since":0,"idle_after":{max}"#)),
        ("[[9500,9900],[40000,40001]]", format!("[[0,1],[2,{max}]]")),
        (r#""stopped_at":9000"#, format!(r#""stopped_at":{max}"#)),
        (r#""tab_switches":2"#, format!(r#""tab_switches":{max}"#)),
    ] {
        assert!(SESSION.contains(good), "{good}");
        let item = Item::decode(SESSION.replacen(good, &extreme, 1).as_bytes()).unwrap();
        let id = item.get::<FocusSession>().unwrap().id;
        let mut ann = Person::new();
        ann.board.items.insert(ItemKey::of::<FocusSession>(&id), item.into());
        ann.report(id, 5000);
        ann.start(id, "d");
        assert!(ann.session(id).tick_at(ann.now.beat()).is_some());
        ann.set_status(id, OpenStatus::Paused);
        let [elapsed, active, idle] = numbers(ann.end(id, Ending::Completed).counters);
        assert!(active <= elapsed && idle <= elapsed);
    }
}

#[test]
fn what_a_newer_version_wrote_is_neither_read_nor_overwritten() {
    let (mut ann, id) = Person::with_session();
    let newer = |stored: &str| Item::decode(stored.replacen(r#""v":1"#, r#""v":2"#, 1).as_bytes()).unwrap().into();
    ann.board.items.insert(ItemKey::of::<FocusStats>(&()), newer(STATS));
    let end = |id| FocusCommand::End(id, Ending::Completed, Default::default(), Default::default());
    assert_eq!(ann.apply(end(id)), Err(FocusRefusal::Unreadable));
    let other: FocusId = "6b003640aabbcc0102030405".parse().unwrap();
    ann.board.items.insert(ItemKey::of::<FocusSession>(&other), newer(SESSION));
    for command in [
        end(other),
        FocusCommand::Start(other, tracker("c")),
        FocusCommand::Delete(other),
        FocusCommand::Update(other, Default::default()),
        FocusCommand::SwitchTab(other),
    ] {
        assert_eq!(ann.apply(command.clone()), Err(FocusRefusal::Unreadable), "{command:?}");
    }
}
