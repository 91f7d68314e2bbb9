//! The arguments of `commit.lua`.

use bytes::Bytes;
use engine::store::{COMMIT_AGE_MAX, Commit, Expiry, HistoryQuota};
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
    let expected = if commit.expected == Tag::NONE { String::new() } else { commit.expected.to_string() };
    let deadline = match commit.deadline {
        DeadlineMove::Keep => String::new(),
        DeadlineMove::Clear => "0".to_owned(),
        DeadlineMove::Set(at) => at.to_string(),
    };
    let (lifetime, kind) = match commit.expiry {
        Expiry::Keep => (None, "after"),
        Expiry::After(lifetime) => (Some(lifetime.0), "after"),
        Expiry::Within(lifetime) => (Some(lifetime.0), "within"),
    };
    let bound = |of: fn(HistoryQuota) -> u64| commit.quota.map_or_else(String::new, |quota| of(quota).to_string());
    let text = |text: String| Value::String(text.into());
    let count = |count: usize| text(count.to_string());
    let mut args = vec![
        text(expected),
        Value::Bytes(Bytes::copy_from_slice(&commit.id.0.to_be_bytes())),
        text(window.stale_from.to_string()),
        text(window.late_after.to_string()),
        text(commit.tag.to_string()),
        text(commit.at.to_string()),
        text(commit.scope.to_string()),
        text(deadline),
        text(publish.to_owned()),
        text(channel),
        Value::Bytes(commit.update.clone()),
        text(lifetime.map_or_else(String::new, |lifetime| lifetime.to_string())),
        text(kind.to_owned()),
        text(bound(|quota| quota.rows)),
        text(bound(|quota| quota.bytes)),
        count(commit.put.len()),
    ];
    for (key, bytes) in &commit.put {
        args.push(text(key.to_string()));
        args.push(Value::Bytes(bytes.clone()));
    }
    args.push(count(commit.removed.len()));
    args.extend(commit.removed.iter().map(|key| text(key.to_string())));
    args.push(count(commit.archive.len()));
    for row in &commit.archive {
        args.push(text(row.id.to_string()));
        args.push(text(row.at.to_string()));
        args.push(Value::Bytes(row.value()));
    }
    args.push(count(commit.archive_removed.len()));
    args.extend(commit.archive_removed.iter().map(|id| text(id.to_string())));
    args
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
