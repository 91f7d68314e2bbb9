use serde_json::json;

use super::*;
use crate::error::ConnectionError;

const S: Duration = Duration::from_secs(1);

fn session(id: &str, status: &str) -> Arc<FocusSession> {
    let document = json!({
        "id": id, "userId": "ada", "contentId": null, "subject": "Latin", "targetMinutes": 25, "status": status,
        "elapsedSeconds": 5, "activeSeconds": 5, "idleSeconds": 0, "tabSwitches": 0, "focusScore": 0,
        "startedAt": "2026-11-20T12:00:00Z", "endedAt": null, "createdAt": "2026-11-20T12:00:00Z",
        "updatedAt": "2026-11-20T12:00:00Z",
    });
    serde_json::from_value(document).unwrap()
}

fn status(status: u16) -> HttpError {
    HttpError::Status { status, message: "no".to_owned(), details: None, retry_after: None }
}

/// Begins a refresh, and returns what is loaded.
fn refresh(documents: &mut FocusDocuments) -> Vec<Load> {
    documents.refresh(Instant::now());
    documents.take_due()
}

#[test]
fn the_newest_session_is_loaded_and_then_the_current_one() {
    let mut documents = FocusDocuments::default();
    assert_eq!(refresh(&mut documents), [Load::Stats, Load::Newest(None)]);
    assert!(refresh(&mut documents).is_empty(), "one refresh at a time");
    assert!(!documents.is_loaded);
    documents.receive(Loaded::Newest(None, Ok(vec![session("s", "active")])), 0);
    assert!(documents.is_loaded && documents.model.session_with("s").is_some());
    assert_eq!(refresh(&mut documents), [Load::Current("s".to_owned())]);
    documents.receive(Loaded::Current("s".to_owned(), Ok(session("s", "completed"))), 0);
    assert_eq!(documents.take_due(), [], "the statistics are on their way");
    let error = documents.receive(Loaded::Stats(Err(HttpError::NoAnswer(ConnectionError::lost("cable")))), 0);
    assert_eq!((error, refresh(&mut documents)), (None, vec![Load::Stats, Load::Newest(Some("s".to_owned()))]));
    documents.apply_as_current(session("t", "active"), 0);
    documents.receive(Loaded::Newest(Some("s".to_owned()), Ok(vec![session("u", "active")])), 0);
    assert!(documents.model.session_with("t").is_some(), "it was created after the list was asked for");
}

#[test]
fn an_ended_session_of_others_is_not_taken_and_a_deleted_one_goes() {
    let mut documents = FocusDocuments::default();
    refresh(&mut documents);
    documents.receive(Loaded::Newest(None, Ok(vec![session("s", "completed")])), 0);
    assert!(documents.is_loaded && documents.model.session.is_none());
    documents.apply_as_current(session("t", "paused"), 0);
    refresh(&mut documents);
    assert_eq!(documents.receive(Loaded::Current("t".to_owned(), Err(status(404))), 0), None);
    assert!(documents.model.session.is_none());
}

#[test]
fn a_failure_is_reported_once_and_repeated_more_and_more_rarely() {
    let mut documents = FocusDocuments::default();
    let mut now = Instant::now();
    documents.refresh(now);
    for (nth, pause) in [3, 6, 12, 24, 48, 48].into_iter().enumerate() {
        let reported = documents.receive(Loaded::Newest(None, Err(status(500))), 0);
        assert_eq!(reported.is_some(), nth == 0);
        documents.maintain(false, now + S * pause - Duration::from_millis(1));
        assert!(!documents.is_refreshing(), "{pause}");
        now += S * pause;
        documents.maintain(false, now);
        assert!(documents.is_refreshing(), "{pause}");
    }
    documents.receive(Loaded::Newest(None, Ok(Vec::new())), 0);
    documents.maintain(true, now + S * 600);
    assert!(!documents.is_refreshing(), "a session that counts needs no request");
    documents.maintain(false, now + S * 60);
    assert!(documents.is_refreshing());
}
