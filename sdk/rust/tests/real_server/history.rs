//! The history of Clockit.

use harness::Node;
use serde_json::json;
use tickcast_client::clockit::{
    ClockitHistory, CsvForm, FinishedSession, HistoryQuery, ImportError, Imported, SessionStart,
};
use tickcast_client::{ClientOptions, ConnectionError, Credential, HttpError, TokenRequest};

use super::client::{TOKEN_SETTINGS, ada, options, sign, within};

fn row(hour: u32) -> FinishedSession {
    FinishedSession {
        started_iso: format!("2026-01-01T{hour:02}:00:00.000Z"),
        ended_iso: format!("2026-01-01T{hour:02}:30:00.000Z"),
        label: Some(format!("hour {hour}")),
        goals: Some(vec!["read".into()]),
        ..FinishedSession::default()
    }
}

#[tokio::test]
async fn the_history_is_read_page_by_page_exported_and_imported_once() {
    let node = Node::start().await;
    let client = ada(node.public);
    let start = SessionStart { comment: Some("=1+1".to_owned()), ..SessionStart::new("Filed") };
    let id = within("the start", client.start(&start)).await.unwrap().session_id;
    client.stop(&id).await.unwrap();
    let history = ClockitHistory::new(&options(node.public).credential(Credential::user("ada")));
    let rows: Vec<FinishedSession> = (10..13).map(row).collect();
    assert_eq!(history.import(&rows).await, Ok(Imported { stored: 3, repeated: 0 }));

    let first = history.page(&HistoryQuery { limit: Some(2), before: None }).await.unwrap();
    assert_eq!((first.sessions[0].label.as_deref(), first.sessions[0].session_id.as_ref()), (Some("Filed"), Some(&id)));
    assert_eq!(first.sessions[1..], rows[2..]);
    let second = history.page(&HistoryQuery { limit: Some(2), before: first.next }).await.unwrap();
    assert_eq!((second.sessions, second.next), (vec![rows[1].clone(), rows[0].clone()], None));

    let csv = history.csv(CsvForm::Exact).await.unwrap();
    assert!(csv.contains(",=1+1,") && history.csv(CsvForm::Spreadsheet).await.unwrap().contains(",'=1+1,"), "{csv}");
    assert_eq!(history.import_csv(csv).await, Ok(Imported { stored: 0, repeated: 4 }));

    let invalid = FinishedSession { ended_iso: "soon".to_owned(), ..row(14) };
    let Err(ImportError::Faults { rows, .. }) = history.import(&[row(13), invalid]).await else { panic!("no fault") };
    assert_eq!((rows[0].line, rows[0].column.as_str()), (2, "endedIso"));
    assert_eq!(history.page(&HistoryQuery::default()).await.unwrap().sessions.len(), 4, "nothing was stored");
}

#[tokio::test]
async fn a_request_that_fails_tells_why_and_a_rejected_token_is_replaced_once() {
    let node = Node::start_with(&TOKEN_SETTINGS).await;
    let page = async |credential| {
        ClockitHistory::new(&options(node.public).credential(credential)).page(&HistoryQuery::default()).await
    };
    let stranger = page(Credential::token("no token")).await.unwrap_err();
    assert_eq!(stranger.status(), Some(401), "{stranger}");
    let provider = |request: TokenRequest| async move {
        Ok(request.rejected.map_or_else(|| "expired".to_owned(), |_| sign(json!({ "sub": "ada" }), 3_600)))
    };
    assert_eq!(page(Credential::token_provider(provider)).await.unwrap().sessions, []);
    let line_break = page(Credential::token("a\nb")).await.unwrap_err();
    assert!(matches!(&line_break, HttpError::NoAnswer(ConnectionError::Token { .. })), "{line_break}");
    let nobody = ClockitHistory::new(&ClientOptions::new("http://127.0.0.1:1").unwrap());
    let error = nobody.page(&HistoryQuery::default()).await.unwrap_err();
    assert!(matches!(error, HttpError::NoAnswer(ConnectionError::Unreachable { .. })), "{error}");
}
