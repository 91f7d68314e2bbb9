//! The arguments of `commit.lua`.

use std::fmt::{Display, Write};

use bytes::{Bytes, BytesMut};
use engine::store::{COMMIT_AGE_MAX, Commit, Expiry};
use fred::types::Value;
use timers::{DeadlineMove, MILLIS_PER_BEAT, Tag, Timestamp};

use crate::redis::keys::ScopeKeys;

/// The time window in which a commit is accepted, on the clock of the server.
pub(crate) struct CommitWindow {
    late_after: i128,
    stale_from: i128,
}

impl CommitWindow {
    /// Makes the window for a server whose clock is `skew` ms ahead of cluster time.
    pub(crate) fn of(decided_at: Timestamp, skew: i128) -> Self {
        let next_second = decided_at.beat().next().0 * MILLIS_PER_BEAT;
        Self {
            late_after: i128::from((decided_at + COMMIT_AGE_MAX).0) + skew,
            stale_from: i128::from(next_second) + skew,
        }
    }
}

/// Returns the keys of `commit.lua`. A commit that cannot touch the index of terms does not name it: while a slot moves, Redis
/// refuses a script if one of its keys is missing.
pub(crate) fn keys(commit: &Commit, keys: ScopeKeys) -> Vec<String> {
    let terms = (commit.has_rows() || commit.expiry != Expiry::Keep).then_some(keys.terms);
    [keys.board, keys.due, keys.rows, keys.index].into_iter().chain(terms).collect()
}

/// Returns the arguments of `commit.lua`.
pub(crate) fn args(commit: &Commit, window: &CommitWindow, channel: String, publish: &'static str) -> Vec<Value> {
    let mut args = Arguments::with_room_for(2 * (commit.put.len() + commit.archive.len()));
    args.optional((commit.expected != Tag::NONE).then_some(commit.expected));
    args.bytes(&commit.id.0.to_be_bytes());
    args.text(window.stale_from);
    args.text(window.late_after);
    args.text(commit.tag);
    args.text(commit.at);
    args.text(&commit.scope);
    match commit.deadline {
        DeadlineMove::Keep => args.none(),
        DeadlineMove::Clear => args.text(0),
        DeadlineMove::Set(at) => args.text(at),
    }
    args.text(publish);
    args.text(channel);
    args.shared(&commit.update);
    let (lifetime, kind) = match commit.expiry {
        Expiry::Keep => (None, "after"),
        Expiry::After(lifetime) => (Some(lifetime.0), "after"),
        Expiry::Within(lifetime) => (Some(lifetime.0), "within"),
    };
    args.optional(lifetime);
    args.text(kind);
    args.optional(commit.quota.map(|quota| quota.rows));
    args.optional(commit.quota.map(|quota| quota.bytes));
    args.text(commit.put.len());
    for (key, bytes) in &commit.put {
        args.text(key);
        args.shared(bytes);
    }
    args.text(commit.removed.len());
    commit.removed.iter().for_each(|key| args.text(key));
    args.text(commit.archive.len());
    for row in &commit.archive {
        args.text(&row.id);
        args.text(row.at);
        args.shared(&row.value());
    }
    args.text(commit.archive_removed.len());
    commit.archive_removed.iter().for_each(|id| args.text(id));
    args.into_values()
}

/// Arguments of a script. Their texts share one buffer: a commit has thirty of them, and an allocation for each would cost more
/// than the texts.
struct Arguments {
    texts: BytesMut,
    arguments: Vec<Argument>,
}

enum Argument {
    /// A part of the buffer, by its length.
    Text(usize),
    Shared(Bytes),
}

impl Arguments {
    /// The number of arguments of a commit without items and rows.
    const FIXED: usize = 20;

    /// The texts of those and of a few items take no more bytes.
    const TEXT_BYTES: usize = 384;

    /// Makes arguments for a commit that has this many beside those of every commit.
    fn with_room_for(more: usize) -> Self {
        let texts = BytesMut::with_capacity(Self::TEXT_BYTES);
        Self { texts, arguments: Vec::with_capacity(Self::FIXED + more) }
    }

    fn text(&mut self, text: impl Display) {
        let begin = self.texts.len();
        write!(self.texts, "{text}").expect("a buffer grows");
        self.arguments.push(Argument::Text(self.texts.len() - begin));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.texts.extend_from_slice(bytes);
        self.arguments.push(Argument::Text(bytes.len()));
    }

    fn shared(&mut self, bytes: &Bytes) {
        self.arguments.push(Argument::Shared(bytes.clone()));
    }

    fn none(&mut self) {
        self.bytes(&[]);
    }

    fn optional(&mut self, text: Option<impl Display>) {
        match text {
            Some(text) => self.text(text),
            None => self.none(),
        }
    }

    fn into_values(self) -> Vec<Value> {
        let mut texts = self.texts.freeze();
        let value = |argument| match argument {
            Argument::Text(length) => Value::Bytes(texts.split_to(length)),
            Argument::Shared(bytes) => Value::Bytes(bytes),
        };
        self.arguments.into_iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_accepted_until_its_second_ends_on_cluster_time_whatever_the_servers_clock_says() {
        let until = |skew| {
            let window = CommitWindow::of(Timestamp(10_400), skew);
            (window.stale_from, window.late_after)
        };
        assert_eq!(until(0), (11_000, 12_400));
        assert_eq!(until(-300), (10_700, 12_100));
        assert_eq!(until(5_250), (16_250, 17_650));
    }
}
