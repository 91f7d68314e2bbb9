//! When a person was active.

use serde::{Deserialize, Serialize};

use crate::time::{Millis, Timestamp};

/// An activity, or several of which each follows the one before soon enough: the first instant and the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(Timestamp, Timestamp)", into = "(Timestamp, Timestamp)")]
pub struct Span {
    /// The instant of the first activity.
    pub first: Timestamp,
    /// The instant of the last activity; never before the first.
    pub last: Timestamp,
}

/// When a person was active: spans in order, none of which touches another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Span>")]
pub struct Spans(Vec<Span>);

/// Why a list is no [`Spans`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("spans of activity must be in order and apart")]
pub struct BadSpans;

impl Span {
    /// Returns the span of one activity.
    pub fn at(instant: Timestamp) -> Self {
        Self { first: instant, last: instant }
    }

    /// Returns the part of the span from one instant to another; `None` if there is none.
    pub(crate) fn within(self, from: Timestamp, until: Timestamp) -> Option<Self> {
        let part = Self { first: self.first.max(from), last: self.last.min(until) };
        (part.first <= part.last).then_some(part)
    }
}

impl From<(Timestamp, Timestamp)> for Span {
    fn from((first, last): (Timestamp, Timestamp)) -> Self {
        Self { first, last }
    }
}

impl From<Span> for (Timestamp, Timestamp) {
    fn from(span: Span) -> Self {
        (span.first, span.last)
    }
}

impl TryFrom<Vec<Span>> for Spans {
    type Error = BadSpans;

    fn try_from(spans: Vec<Span>) -> Result<Self, BadSpans> {
        let is_ordered = spans.windows(2).all(|pair| pair[0].last < pair[1].first);
        let is_whole = spans.iter().all(|span| span.first <= span.last);
        if is_ordered && is_whole { Ok(Self(spans)) } else { Err(BadSpans) }
    }
}

impl Spans {
    /// Returns the spans of one activity.
    pub fn at(instant: Timestamp) -> Self {
        Self(vec![Span::at(instant)])
    }

    /// Adds an activity. It is merged with spans that are at most `gap` away: no more than the time after which a person
    /// counts as idle, or the merged span hides idle seconds. Costs nothing but a comparison if the activity is the latest.
    pub fn record(&mut self, instant: Timestamp, gap: Millis) {
        match self.0.last_mut() {
            Some(last) if instant >= last.first && instant <= last.last + gap => last.last = last.last.max(instant),
            Some(last) if instant > last.last => self.0.push(Span::at(instant)),
            Some(_) => self.unite([Span::at(instant)], gap),
            None => self.0.push(Span::at(instant)),
        }
    }

    /// Adds spans in any order; those of which one begins at most `gap` after another ends are merged.
    pub fn unite(&mut self, spans: impl IntoIterator<Item = Span>, gap: Millis) {
        self.0.extend(spans);
        self.0.sort_unstable();
        self.0.dedup_by(|next, before| {
            let touches = next.first <= before.last + gap;
            if touches {
                before.last = before.last.max(next.last);
            }
            touches
        });
    }

    /// Returns the spans, in order.
    pub fn as_slice(&self) -> &[Span] {
        &self.0
    }

    /// Tells whether there is no activity.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of spans.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the instant of the last activity.
    pub fn last(&self) -> Option<Timestamp> {
        self.0.last().map(|span| span.last)
    }

    /// Returns the instant of the last activity at or before an instant.
    pub fn last_before(&self, instant: Timestamp) -> Option<Timestamp> {
        let after = self.0.partition_point(|span| span.first <= instant);
        after.checked_sub(1).map(|index| self.0[index].last.min(instant))
    }

    /// Returns the activity with all instants after one taken as that one.
    pub(crate) fn until(&self, instant: Timestamp) -> Self {
        let past = |span: &Span| Span { first: span.first.min(instant), last: span.last.min(instant) };
        let mut spans: Vec<Span> = self.0.iter().map(past).collect();
        spans.dedup();
        Self(spans)
    }

    /// Removes and returns the earliest span.
    pub fn pop_first(&mut self) -> Option<Span> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    pub(crate) fn move_back(&mut self, by: Millis) {
        for span in &mut self.0 {
            (span.first, span.last) = (span.first - by, span.last - by);
        }
    }
}
