//! A list of entries, which is read page by page while it is sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use engine::JoinError;
use engine::store::{Fault, HistoryCursor, Page, Query};
use futures_util::Stream;
use futures_util::stream;
use timers::studio::{EntryId, TaskType, TimeEntry, Total};
use timers::{Board, RequiredRows};
use wire::studio::{Cursor, EntryList, list_end, list_start, listed_entry};

use crate::node::Node;
use crate::systems::archived_rows::read_row;

/// Rows of the history that are read at once: some 60 KB, and 4 MB if all have the longest notes.
const PAGE_ROWS: usize = 100;

/// A list of entries that is being read: the running ones of the board, and the finished ones of the history.
pub(super) struct EntryPages {
    node: Arc<Node>,
    board: Board,
    list: EntryList,
    /// The running entries that match and are not listed yet, the newest last.
    running: Vec<TimeEntry>,
    /// The entries that run, as the board was read. The history may have them by now.
    running_ids: BTreeSet<EntryId>,
    page: Option<Page>,
    total: Total,
    listed: usize,
    last: Option<Cursor>,
    has_more: bool,
}

impl EntryPages {
    /// Reads the first page, so that an unavailable store gives a clean error.
    pub(super) async fn open(node: &Arc<Node>, board: Board, list: EntryList) -> Result<Self, Fault> {
        // The board was read first: an entry that is stopped in between is on both, and on none the other way round.
        let mut running: Vec<TimeEntry> =
            board.all::<TimeEntry>().filter(|entry| list.filter.matches(entry)).cloned().collect();
        running.sort_by_key(Cursor::of);
        let running_ids = board.all::<TimeEntry>().map(|entry| entry.id).collect();
        let mut pages = Self {
            node: Arc::clone(node),
            board,
            list,
            running,
            running_ids,
            page: None,
            total: Total::default(),
            listed: 0,
            last: None,
            has_more: false,
        };
        pages.page = Some(pages.read(None).await?);
        Ok(pages)
    }

    async fn read(&self, before: Option<HistoryCursor>) -> Result<Page, Fault> {
        let filter = &self.list.filter;
        // The history has finished entries only.
        if filter.is_running == Some(true) {
            return Ok(Page { rows: Vec::new(), next: None });
        }
        let query = Query { term: filter.term(), from: filter.from, to: filter.to, before, limit: PAGE_ROWS };
        self.node.engine.store().history(&self.board.scope, &query).await
    }

    /// Returns the parts of the JSON.
    pub(super) fn into_parts(self: Box<Self>) -> impl Stream<Item = Result<Bytes, Fault>> + Send {
        stream::unfold(Some((self, true)), |state| async move {
            let (mut pages, is_first) = state?;
            let mut text = if is_first { list_start().to_owned() } else { String::new() };
            match pages.part(&mut text).await {
                Ok(true) => Some((Ok(text.into()), Some((pages, false)))),
                Ok(false) => Some((Ok(text.into()), None)),
                Err(fault) => {
                    tracing::warn!(%fault, "a list of entries is cut off");
                    Some((Err(fault), None))
                }
            }
        })
    }

    /// Renders a page and reads the next one. Returns false at the end.
    async fn part(&mut self, text: &mut String) -> Result<bool, Fault> {
        let Some(page) = self.page.take() else { return Ok(false) };
        let mut is_current = false;
        for row in &page.rows {
            let Some(entry) = read_row(row, TimeEntry::decode).filter(|entry| self.list.filter.matches(entry)) else {
                continue;
            };
            if self.running_ids.contains(&entry.id) {
                continue;
            }
            if !is_current && self.board.get::<TaskType>(&entry.task_type).is_none() {
                self.reload().await?;
                is_current = true;
            }
            while let Some(running) = self.running.pop_if(|running| Cursor::of(running) > Cursor::of(&entry)) {
                self.put(&running, text);
            }
            entry.cost().into_iter().for_each(|cost| self.total.add(cost));
            self.put(&entry, text);
        }
        let next = page.next;
        drop(page.rows);
        if let Some(next) = next {
            self.page = Some(self.read(Some(next)).await?);
            return Ok(true);
        }
        while let Some(running) = self.running.pop() {
            self.put(&running, text);
        }
        text.push_str(&list_end(self.total, self.last.filter(|_| self.has_more)));
        Ok(false)
    }

    /// Reads the board again: an entry is of a type that was created after the list was begun.
    async fn reload(&mut self) -> Result<(), Fault> {
        match self.node.engine.read(&self.board.scope, &RequiredRows::default()).await {
            Ok((board, _)) => self.board = board,
            Err(JoinError::Store(fault)) => return Err(fault),
            Err(error @ JoinError::Damaged(_)) => tracing::warn!(%error, "types of a list of entries cannot be read"),
        }
        Ok(())
    }

    /// Renders an entry, unless it is before the client's position or beyond its limit.
    fn put(&mut self, entry: &TimeEntry, text: &mut String) {
        let position = Cursor::of(entry);
        if self.list.after.is_some_and(|after| position >= after) {
            return;
        }
        if self.list.limit.is_some_and(|limit| self.listed >= limit) {
            self.has_more = true;
            return;
        }
        if self.listed > 0 {
            text.push(',');
        }
        text.push_str(&listed_entry(entry, &self.board));
        (self.listed, self.last) = (self.listed + 1, Some(position));
    }
}
