//! The history of finished sessions over HTTP.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use engine::store::{Fault, FaultKind, HistoryCursor, Page, Query};
use futures_util::stream;
use serde::Deserialize;
use timers::Scope;
use timers::stopwatch::Finished;
use wire::clockit::rows::{BYTE_ORDER_MARK, header as csv_header, to_csv, to_json, to_spreadsheet_csv};
use wire::whole_number;

use crate::http::authenticated_user::AuthenticatedUser;
use crate::http::error::error;
use crate::http::query::Query as UrlQuery;
use crate::node::Node;
use crate::systems::archived_rows::read_row;
use crate::systems::clockit::Clockit;

/// Rows of a page, unless the client gives a number.
const PAGE_DEFAULT: usize = 50;

/// Most rows of a page: half a megabyte of ordinary rows.
const PAGE_MAX: usize = 500;

#[derive(Deserialize)]
pub(crate) struct SessionListQuery {
    limit: Option<String>,
    before: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct CsvQuery {
    bom: Option<String>,
}

/// `GET /sessions?limit=&before=`: `{sessions, next}`, newest first; the last page has no `next`.
pub(crate) async fn list(
    State(node): State<Arc<Node>>,
    user: AuthenticatedUser<Clockit>,
    UrlQuery(query): UrlQuery<SessionListQuery>,
) -> Response {
    let scope = Scope::user(&user.id);
    let rows = match page_query(&query) {
        Ok(rows) => rows,
        Err(reason) => return error(StatusCode::BAD_REQUEST, "Bad request", reason),
    };
    match node.engine.store().history(&scope, &rows).await {
        Ok(page) => ([(header::CONTENT_TYPE, "application/json")], json(&page)).into_response(),
        Err(fault) => failed(&node, &scope, &fault),
    }
}

/// `GET /sessions.csv?bom=`: all sessions, newest first, page by page as the client reads. With `bom=1` the file is for
/// a spreadsheet.
pub(crate) async fn csv(
    State(node): State<Arc<Node>>,
    user: AuthenticatedUser<Clockit>,
    UrlQuery(query): UrlQuery<CsvQuery>,
) -> Response {
    let is_for_spreadsheet = match query.bom.as_deref() {
        None | Some("0") => false,
        Some("1") => true,
        Some(_) => return error(StatusCode::BAD_REQUEST, "Bad request", "bom must be 0 or 1"),
    };
    let scope = Scope::user(&user.id);
    // The first page is read before the answer begins, so that an unavailable store gives a clean error.
    let first = match node.engine.store().history(&scope, &Query::newest(PAGE_MAX)).await {
        Ok(page) => page,
        Err(fault) => return failed(&node, &scope, &fault),
    };
    let pages = stream::unfold(Some((node, scope, Ok(first), true)), move |state| async move {
        let (node, scope, page, is_first) = state?;
        let page: Page = match page {
            Ok(page) => page,
            Err(fault) => return Some((Err(fault), None)),
        };
        let mark = if is_for_spreadsheet { BYTE_ORDER_MARK } else { "" };
        let mut text = if is_first { format!("{mark}{}", csv_header()) } else { String::new() };
        let write = if is_for_spreadsheet { to_spreadsheet_csv } else { to_csv };
        page.rows.iter().filter_map(|row| read_row(row, Finished::decode)).for_each(|row| text.push_str(&write(&row)));
        let next = match page.next {
            None => None,
            Some(before) => {
                let rows = Query { before: Some(before), ..Query::newest(PAGE_MAX) };
                let page = node.engine.store().history(&scope, &rows).await;
                Some((node, scope, page, false))
            }
        };
        Some((Ok(Bytes::from(text)), next))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"sessions.csv\""),
    ];
    (headers, Body::from_stream(pages)).into_response()
}

fn page_query(query: &SessionListQuery) -> Result<Query, &'static str> {
    let limit = match query.limit.as_deref().map(whole_number) {
        None => PAGE_DEFAULT,
        Some(Some(limit)) => limit.min(PAGE_MAX),
        Some(None) => return Err("limit must be a whole number above 0"),
    };
    let before = match query.before.as_deref().map(str::parse::<HistoryCursor>) {
        None => None,
        Some(Ok(before)) => Some(before),
        Some(Err(())) => return Err("before must be the next of an earlier answer"),
    };
    Ok(Query { before, ..Query::newest(limit) })
}

fn json(page: &Page) -> String {
    let rows: Vec<String> =
        page.rows.iter().filter_map(|row| read_row(row, Finished::decode)).map(|row| to_json(&row)).collect();
    let next = page
        .next
        .as_ref()
        .map_or(String::new(), |next| format!(r#","next":{}"#, serde_json::Value::from(next.to_string())));
    format!(r#"{{"sessions":[{}]{next}}}"#, rows.join(","))
}

fn failed(node: &Node, scope: &Scope, fault: &Fault) -> Response {
    if fault.kind() == FaultKind::Damaged {
        node.engine.hub().report_if_damaged(scope, fault);
        return error(StatusCode::INTERNAL_SERVER_ERROR, "Damaged", "the stored data is damaged and cannot be used");
    }
    tracing::warn!(%fault, "the history cannot be read");
    error(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", "the store is unavailable; try again")
}
