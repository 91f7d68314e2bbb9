//! `GET /api/sessions`: a person's sessions, newest first.

use std::cmp::Reverse;

use axum::response::Response;
use engine::store::{HistoryCursor, Query as RowQuery};
use serde::Deserialize;
use timers::focus::{EndedSession, FocusId, FocusSession};
use timers::{Board, RequiredRows, Timestamp};
use wire::focus::{FocusDocument, SessionList, StatusFilter, with_list};
use wire::{Code, Fault};

use crate::http::query::Query;
use crate::systems::archived_rows::read_row;
use crate::systems::focus::routes::{FocusUser, bad_request, done, failure, not_found};
use crate::systems::focus::sessions::{FoundSession, Sessions};

/// Rows of the history that are read at once.
const ROWS_AT_ONCE: usize = 500;

#[derive(Deserialize)]
pub(super) struct ListQuery {
    status: Option<String>,
    limit: Option<String>,
    before: Option<String>,
}

/// The place of a session in the list.
type Place = (Timestamp, FocusId);

/// `GET /api/sessions?status=&limit=&before=`.
pub(super) async fn list(user: FocusUser, Query(query): Query<ListQuery>) -> Result<Response, Response> {
    let [status, limit, before] = [&query.status, &query.limit, &query.before].map(Option::as_deref);
    let list = SessionList::read(status, limit, before).map_err(|bad| bad_request(&bad))?;
    let before = match list.before {
        Some(id) => Some(place(&user.sessions, id).await.map_err(|fault| failure(&fault))?.ok_or_else(not_found)?),
        None => None,
    };
    let (board, _) =
        user.sessions.load_settled(&RequiredRows::default(), None).await.map_err(|fault| failure(&fault))?;
    let open = open_sessions(&board, &list, before);
    let ended = ended_sessions(&user.sessions, &list, before).await.map_err(|fault| failure(&fault))?;
    let now = user.sessions.node.engine.clock().date().unwrap_or_default();
    let open =
        open.into_iter().map(|session| ((session.created_at, session.id), FocusDocument::open(session, &user.id, now)));
    let ended = ended.iter().map(|session| ((session.created_at, session.id), FocusDocument::ended(session, &user.id)));
    let mut sessions: Vec<(Place, FocusDocument<'_>)> = ended.chain(open).collect();
    sessions.sort_by_key(|(place, _)| Reverse(*place));
    // A session that has ended between the two reads is in both, first as an ended one.
    sessions.dedup_by_key(|(place, _)| *place);
    sessions.truncate(list.limit.unwrap_or(usize::MAX));
    let sessions: Vec<FocusDocument<'_>> = sessions.into_iter().map(|(_, session)| session).collect();
    Ok(done(with_list(&sessions)))
}

async fn place(sessions: &Sessions, id: FocusId) -> Result<Option<Place>, Fault> {
    Ok(sessions.find(id).await?.map(|session| match session {
        FoundSession::Open(session) => (session.created_at, session.id),
        FoundSession::Ended(session) => (session.created_at, session.id),
    }))
}

fn open_sessions<'b>(board: &'b Board, list: &SessionList, before: Option<Place>) -> Vec<&'b FocusSession> {
    let is_listed = |session: &&FocusSession| {
        let is_older = before.is_none_or(|before| (session.created_at, session.id) < before);
        let has_status = match list.status {
            None => true,
            Some(StatusFilter::Open(status)) => session.status == status,
            Some(StatusFilter::Ended(_)) => false,
        };
        is_older && has_status
    };
    board.all::<FocusSession>().filter(is_listed).collect()
}

async fn ended_sessions(
    sessions: &Sessions,
    list: &SessionList,
    before: Option<Place>,
) -> Result<Vec<EndedSession>, Fault> {
    let term = match list.status {
        None => None,
        Some(StatusFilter::Ended(ending)) => Some(ending.term()),
        Some(StatusFilter::Open(_)) => return Ok(Vec::new()),
    };
    let limit = list.limit.unwrap_or(usize::MAX);
    let mut cursor = before.map(|(at, id)| HistoryCursor { at, id: id.row_id() });
    let mut found = Vec::new();
    while found.len() < limit {
        let rows = ROWS_AT_ONCE.min(limit - found.len());
        let query = RowQuery { term: term.clone(), before: cursor.take(), ..RowQuery::newest(rows) };
        let page = sessions.node.engine.store().history(&sessions.scope, &query).await.map_err(|fault| {
            sessions.node.engine.hub().report_if_damaged(&sessions.scope, &fault);
            tracing::debug!(%fault, "ended focus sessions cannot be read");
            Fault::of_service(Code::Unavailable, "the store is unavailable; try again")
        })?;
        found.extend(page.rows.iter().filter_map(|row| read_row(row, EndedSession::decode)));
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    Ok(found)
}
