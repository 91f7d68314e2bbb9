//! `GET /api/sessions`: a person's sessions, newest first, read page by page while they are sent.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use engine::store::{HistoryCursor, Page, Query as RowQuery};
use futures_util::{Stream, stream};
use serde::Deserialize;
use timers::focus::{EndedSession, FocusId, FocusSession};
use timers::{Board, Millis, RequiredRows, Timestamp};
use wire::focus::{FocusDocument, SessionList, StatusFilter, list_end, list_start};
use wire::{Code, Fault};

use crate::http::json_answer::json_answer;
use crate::http::query::Query;
use crate::systems::archived_rows::read_row;
use crate::systems::focus::routes::{FocusUser, bad_request, failure, no_time};
use crate::systems::focus::sessions::{FoundSession, Sessions};

/// Rows of the history that are read at once: some 100 KB.
const PAGE_ROWS: usize = 200;

#[derive(Deserialize)]
pub(super) struct ListQuery {
    status: Option<String>,
    limit: Option<String>,
    before: Option<String>,
}

/// The place of a session in the list.
type Place = (Timestamp, FocusId);

/// A list that is being read: the open sessions of the board, and the ended ones of the history.
struct SessionPages {
    user: FocusUser,
    list: SessionList,
    now: Timestamp,
    /// The open sessions that are not listed yet, the newest last.
    open: Vec<FocusSession>,
    /// The sessions that are open, as the board was read. The history may have them by now.
    open_ids: BTreeSet<FocusId>,
    page: Option<Page>,
    listed: usize,
}

/// `GET /api/sessions?status=&limit=&before=`.
pub(super) async fn list(user: FocusUser, Query(query): Query<ListQuery>) -> Result<Response, Response> {
    let [status, limit, before] = [&query.status, &query.limit, &query.before].map(Option::as_deref);
    let list = SessionList::read(status, limit, before).map_err(|bad| bad_request(&bad))?;
    let pages = SessionPages::open(user, list).await?;
    Ok(json_answer(StatusCode::OK, Body::from_stream(pages.into_parts())))
}

impl SessionPages {
    /// Reads the first page, so that an unavailable store gives a clean error.
    async fn open(user: FocusUser, list: SessionList) -> Result<Self, Response> {
        let failed = |fault: Fault| failure(&fault);
        let before = match list.before {
            Some(id) => Some(place(&user.sessions, id).await.map_err(failed)?),
            None => None,
        };
        // The board is read first: a session that ends in between is on both, and on none the other way round.
        let (board, _) = user.sessions.load_settled(&RequiredRows::default(), None).await.map_err(failed)?;
        let mut open = open_sessions(&board, &list, before);
        open.sort_by_key(|session| (session.created_at, session.id));
        let open_ids = board.all::<FocusSession>().map(|session| session.id).collect();
        let now = user.now().ok_or_else(no_time)?;
        let mut pages = Self { user, list, now, open, open_ids, page: None, listed: 0 };
        let has_ended = !matches!(list.status, Some(StatusFilter::Open(_)));
        if has_ended {
            let before = before.map(|(at, id)| HistoryCursor { at, id: id.row_id() });
            pages.page = Some(pages.read(before).await.map_err(failed)?);
        }
        Ok(pages)
    }

    async fn read(&self, before: Option<HistoryCursor>) -> Result<Page, Fault> {
        let term = match self.list.status {
            Some(StatusFilter::Ended(ending)) => Some(ending.term()),
            Some(StatusFilter::Open(_)) | None => None,
        };
        let limit = self.list.limit.map_or(PAGE_ROWS, |limit| PAGE_ROWS.min(limit));
        let sessions = &self.user.sessions;
        let query = RowQuery { term, before, ..RowQuery::newest(limit) };
        sessions.node.engine.store().history(&sessions.scope, &query).await.map_err(|fault| {
            sessions.node.engine.hub().report_if_damaged(&sessions.scope, &fault);
            tracing::debug!(%fault, "ended focus sessions cannot be read");
            Fault::of_service(Code::Unavailable, "the store is unavailable; try again")
        })
    }

    /// Returns the parts of the JSON.
    fn into_parts(self) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send {
        stream::unfold(Some((Box::new(self), true)), |state| async move {
            let (mut pages, is_first) = state?;
            let mut text = if is_first { list_start().to_owned() } else { String::new() };
            match pages.part(&mut text).await {
                Ok(true) => Some((Ok(text.into()), Some((pages, false)))),
                Ok(false) => Some((Ok(text.into()), None)),
                Err(fault) => {
                    tracing::warn!(reason = %fault.message, "a list of focus sessions is cut off");
                    Some((Err(std::io::Error::other(fault.message)), None))
                }
            }
        })
    }

    /// Renders a page and reads the next one. Returns false at the end.
    async fn part(&mut self, text: &mut String) -> Result<bool, Fault> {
        let page = self.page.take();
        let (rows, next) = page.map_or_else(|| (Vec::new(), None), |page| (page.rows, page.next));
        for session in rows.iter().filter_map(|row| read_row(row, EndedSession::decode)) {
            if self.open_ids.contains(&session.id) {
                continue;
            }
            let place = (session.created_at, session.id);
            while let Some(open) = self.open.pop_if(|open| (open.created_at, open.id) > place) {
                self.put_open(&open, text);
            }
            let document = FocusDocument::ended(&session, &self.user.id).to_json();
            self.put(&document, text);
        }
        if let Some(next) = next.filter(|_| !self.is_full()) {
            self.page = Some(self.read(Some(next)).await?);
            return Ok(true);
        }
        while let Some(open) = self.open.pop() {
            self.put_open(&open, text);
        }
        text.push_str(&list_end(self.listed));
        Ok(false)
    }

    fn is_full(&self) -> bool {
        self.list.limit.is_some_and(|limit| self.listed >= limit)
    }

    fn put_open(&mut self, session: &FocusSession, text: &mut String) {
        let document = FocusDocument::open(session, &self.user.id, self.now).to_json();
        self.put(&document, text);
    }

    /// Adds a session, unless the list is full.
    fn put(&mut self, document: &str, text: &mut String) {
        if self.is_full() {
            return;
        }
        if self.listed > 0 {
            text.push(',');
        }
        text.push_str(document);
        self.listed += 1;
    }
}

/// Returns the place of a session. One that was deleted since its page was read has it by its id.
async fn place(sessions: &Sessions, id: FocusId) -> Result<Place, Fault> {
    Ok(match sessions.find(id).await? {
        Some(FoundSession::Open(session)) => (session.created_at, id),
        Some(FoundSession::Ended(session)) => (session.created_at, id),
        None => (id.second() + Millis(999), id),
    })
}

fn open_sessions(board: &Board, list: &SessionList, before: Option<Place>) -> Vec<FocusSession> {
    let is_listed = |session: &&FocusSession| {
        let is_older = before.is_none_or(|before| (session.created_at, session.id) < before);
        let has_status = match list.status {
            None => true,
            Some(StatusFilter::Open(status)) => session.status == status,
            Some(StatusFilter::Ended(_)) => false,
        };
        is_older && has_status
    };
    board.all::<FocusSession>().filter(is_listed).cloned().collect()
}
