//! The routes of archived days.

use std::sync::Arc;

use axum::extract::{Request as HttpRequest, State};
use axum::http::StatusCode;
use axum::response::Response;
use engine::store::{Fault, HistoryCursor, Query as RowQuery};
use serde::Deserialize;
use timers::RequiredRows;
use timers::calendar::{LocalDate, Zone};
use timers::punch_clock::{DayLog, SavedLog, ThemeChoice};
use wire::punch_clock::{BadRequest, Pagination, PostedLog, log_list, log_saved};
use wire::whole_number;

use crate::http::query::Query;
use crate::node::Node;
use crate::systems::archived_rows::read_row;
use crate::systems::punch_clock::days::{Failed, Posted, Worker};
use crate::systems::punch_clock::routes::{body_text, done, failure, refusal};

/// Days of a page, unless the client gives a number.
const PAGE_DEFAULT: u64 = 30;

/// Most days of a page: a year.
const PAGE_MAX: u64 = 366;

/// Rows of the history that are read at once.
const ROWS_AT_ONCE: usize = 500;

#[derive(Deserialize)]
pub(super) struct LogQuery {
    date: Option<String>,
    limit: Option<String>,
    page: Option<String>,
}

/// `GET /api/daily-logs?date=&limit=&page=`: archived days, newest first.
pub(super) async fn list(worker: Worker, Query(query): Query<LogQuery>) -> Response {
    let number = |text: Option<&String>, default: u64| match text.map(|text| whole_number(text)) {
        None => Some(default),
        Some(number) => number.map(|number| u64::try_from(number).unwrap_or(u64::MAX)),
    };
    let (limit, page) = (number(query.limit.as_ref(), PAGE_DEFAULT), number(query.page.as_ref(), 1));
    let (Some(limit), Some(page)) = (limit.map(|limit| limit.min(PAGE_MAX)), page) else {
        return refusal(StatusCode::BAD_REQUEST, "limit and page must be whole numbers above 0");
    };
    let date = match query.date.as_deref().filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => match text.get(..10).unwrap_or(text).parse::<LocalDate>() {
            Ok(date) => Some(date),
            Err(error) => return refusal(StatusCode::BAD_REQUEST, &format!("date {error}")),
        },
    };
    let logs = match read(&worker, date).await {
        Ok(logs) => logs,
        Err(failed) => return failure(&failed),
    };
    let pagination = Pagination::of(page, limit, logs.len() as u64);
    let skipped = usize::try_from((page - 1).saturating_mul(limit)).unwrap_or(usize::MAX);
    let shown = logs.get(skipped.min(logs.len())..).unwrap_or_default();
    let shown = &shown[..shown.len().min(usize::try_from(limit).unwrap_or(usize::MAX))];
    done(log_list(shown, worker.scope.id(), pagination))
}

/// `POST /api/daily-logs`: unites punches with the days of their own instants.
pub(super) async fn save(State(node): State<Arc<Node>>, worker: Worker, request: HttpRequest) -> Response {
    let text = match body_text(&node, request).await {
        Ok(text) => text,
        Err(refused) => return refused,
    };
    let posted = match PostedLog::read(&text) {
        Ok(posted) => posted,
        Err(BadRequest(reason)) => return refusal(StatusCode::BAD_REQUEST, &reason),
    };
    match store(&worker, posted).await {
        Ok(answer) => done(answer),
        Err(failed) => failure(&failed),
    }
}

async fn store(worker: &Worker, posted: PostedLog) -> Result<String, Failed> {
    let date = posted.date;
    let before = find(worker, date).await?;
    let log = Some(SavedLog { date, theme: posted.theme });
    let loaded = worker.save(&Posted { punches: posted.punches, theme: None::<ThemeChoice>, log }).await?;
    let (now, today) = (worker.now(), loaded.day);
    if let Some(day) = today.as_ref().filter(|day| day.date == date) {
        // The current day stays as it is.
        let current = day.to_log(now);
        return Ok(log_saved(&current, worker.scope.id(), before.is_none(), Some(now)));
    }
    let saved = match find(worker, date).await? {
        Some(log) => log,
        None => DayLog::empty(date, today.as_ref().map_or(&Zone::utc(), |day| &day.zone), now),
    };
    Ok(log_saved(&saved, worker.scope.id(), before.is_none(), None))
}

/// Reads one archived day.
async fn find(worker: &Worker, date: LocalDate) -> Result<Option<DayLog>, Failed> {
    let required = RequiredRows { existing: Vec::new(), bodies: vec![date.row_id()] };
    let (_, rows, _) = worker.load(&required).await?;
    let row = rows.rows.get(&date.row_id());
    row.map(|row| DayLog::decode(row.body.as_str())).transpose().map_err(|_| Failed::Damaged)
}

/// Reads all archived days, or one, newest first. A person has some hundred a year.
async fn read(worker: &Worker, date: Option<LocalDate>) -> Result<Vec<DayLog>, Failed> {
    let mut logs = Vec::new();
    let mut before: Option<HistoryCursor> = None;
    loop {
        let range = date.map(LocalDate::utc_start);
        let query = RowQuery { from: range, to: range, before: before.take(), ..RowQuery::newest(ROWS_AT_ONCE) };
        let page =
            worker.node.engine.store().history(&worker.scope, &query).await.map_err(|fault| failed(worker, &fault))?;
        logs.extend(page.rows.iter().filter_map(|row| read_row(row, DayLog::decode)).filter(DayLog::is_listed));
        match page.next {
            Some(next) => before = Some(next),
            None => return Ok(logs),
        }
    }
}

fn failed(worker: &Worker, fault: &Fault) -> Failed {
    worker.node.engine.hub().report_if_damaged(&worker.scope, fault);
    tracing::debug!(%fault, "archived days cannot be read");
    Failed::Unavailable
}
