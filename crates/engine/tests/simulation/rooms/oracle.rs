//! What must be true of the commits to a room, and of what members were sent of them.

use std::collections::BTreeMap;

use timers::room::{CountdownPhase, Member, Room};
use timers::{Board, Limits, MemberId, Millis, Timestamp};

use super::session::{Session, SessionEvents, Sightings};
use crate::simulation::journal::{CommittedBoard, Journal};

/// Longest time from the end of a countdown to the commit of its zero, if there was no fault in [`FAULT_REACH`] before
/// the end. The deadline is known to a node beforehand, so this is the time of a load, a commit and lost races.
const UNDISTURBED_LATENESS: Millis = Millis(250);

/// A node that commits a deadline nearer than this times it itself.
const NEAR: Millis = Millis(2000);

/// How long a fault before the end of a countdown can delay its zero: a new leader has to take over and to look.
const FAULT_REACH: Millis = Millis(2000);

/// Longest time from the end of a countdown, or from the last fault after it, to the commit of its zero: the store's
/// next beat, a takeover, and the new leader's look at what is due.
const LATENESS_AFTER_FAULT: Millis = Millis(2000);

/// Longest time from the commit of a zero until a member is told, if the network has no faults: the update is one of a
/// few on their way to the node.
const TOLD_WITHIN: Millis = Millis(100);

/// The commits from the one that added a member up to the one that removed it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    joined: usize,
    /// `usize::MAX` if the member is still there.
    left: usize,
}

/// Returns the commits of each member. A member that was removed never returns under its id.
pub(crate) fn spans(commits: &[CommittedBoard]) -> BTreeMap<MemberId, Span> {
    let mut spans: BTreeMap<MemberId, Span> = BTreeMap::new();
    let empty = commits.first().map(|first| Board::empty(first.board.scope.clone()));
    let boards = empty.iter().chain(commits.iter().map(|commit| commit.board.as_ref()));
    for (nth, (old, new)) in boards.clone().zip(boards.skip(1)).enumerate() {
        for pair in old.changed::<Member>(new) {
            match pair {
                (None, Some(member)) => {
                    let before = spans.insert(member.id.clone(), Span { joined: nth, left: usize::MAX });
                    assert!(before.is_none(), "{} joined again under its id", member.id);
                }
                (Some(member), None) => spans.get_mut(&member.id).expect("it joined").left = nth,
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
    }
    spans
}

/// Checks what a member was sent against the commits.
///
/// The views are a subsequence of the commits, in their order. A membership of which a view shows any commit is told by
/// exactly one join, unless it began before the session, and by exactly one leave once a view shows that it has ended.
/// A membership that lies between two consecutive views is not told at all. A node shows each commit, unless updates
/// were lost, and then a load, or a commit of its own, takes it past several commits.
pub(crate) fn check_session(session: &Session, commits: &[CommittedBoard]) -> SessionEvents {
    let views = session.committed_views(commits);
    let events = session.replay();
    let (first, last) = (views[0], views[views.len() - 1]);
    let mut expected = BTreeMap::new();
    for (id, span) in spans(commits).into_iter().filter(|(id, _)| *id != session.member) {
        let is_seen = views.iter().any(|view| (span.joined..span.left).contains(view));
        let joins = usize::from(is_seen && span.joined > first);
        let leaves = usize::from(is_seen && span.left <= last);
        if joins + leaves > 0 {
            expected.insert(id, Sightings { joins, leaves });
        }
    }
    assert_eq!(events.members, expected, "the joins and leaves that {} was told", session.member);
    events
}

/// Checks that a session was told each join, leave and zero among the commits of its time, and the zeros in time.
pub(crate) fn check_complete(session: &Session, events: &SessionEvents, commits: &[CommittedBoard]) {
    let views = session.committed_views(commits);
    let (first, last) = (views[0], views[views.len() - 1]);
    for (id, span) in spans(commits).into_iter().filter(|(id, _)| *id != session.member) {
        let told = events.members.get(&id).copied().unwrap_or_default();
        let is_within = |nth: usize| first < nth && nth <= last;
        let wanted =
            Sightings { joins: usize::from(is_within(span.joined)), leaves: usize::from(is_within(span.left)) };
        assert_eq!(told, wanted, "what {} was told of {id}", session.member);
    }
    let completed_at = |commit: &CommittedBoard| room(&commit.board).and_then(|room| room.completed_at);
    let zeros: Vec<(Timestamp, Timestamp)> = commits[first..=last]
        .windows(2)
        .filter(|pair| completed_at(&pair[0]) != completed_at(&pair[1]))
        .filter_map(|pair| Some((completed_at(&pair[1])?, pair[1].at)))
        .collect();
    assert_eq!(events.zeros.len(), zeros.len(), "each zero was told once: {:?}, {zeros:?}", events.zeros);
    for ((told, told_at), (zero, committed_at)) in events.zeros.iter().zip(&zeros) {
        assert_eq!(told, zero, "the zeros were told in their order");
        assert!(told_at.since(*committed_at) <= TOLD_WITHIN, "{zero:?} of {committed_at:?} was told at {told_at:?}");
    }
}

/// The zeros of a room, by what can have delayed them.
#[derive(Debug, Default)]
pub(crate) struct Zeros {
    pub(crate) undisturbed: usize,
    pub(crate) superseded: usize,
    pub(crate) after_fault: usize,
}

/// Checks that each run of the countdown reaches zero once, at the end of the run exactly, and in time, unless a member
/// pauses, resets, restarts or adjusts it before.
pub(crate) fn check_countdown(commits: &[CommittedBoard], journal: &Journal, until: Timestamp) -> Zeros {
    let mut zeros = Zeros::default();
    for (nth, pair) in commits.windows(2).enumerate() {
        let (Some(old), Some(new)) = (room(&pair[0].board), room(&pair[1].board)) else { continue };
        let changed_at = pair[1].board.at;
        let is_completed = new.completed_at != old.completed_at;
        match old.phase {
            CountdownPhase::Running { ends_at, .. } if ends_at <= changed_at => {
                assert_eq!(new.completed_at, Some(ends_at), "zero is the end of the run");
                assert!(old.completed_at.is_none_or(|last| last < ends_at), "zero comes once");
                assert_ne!(new.phase, old.phase, "a run ends at zero");
                count_zero(&mut zeros, ends_at, &commits[..=nth + 1], journal);
            }
            CountdownPhase::Running { .. } | CountdownPhase::Paused { .. } if is_completed => {
                let is_adjusted = new.phase == CountdownPhase::Idle && new.completed_at == Some(changed_at);
                assert!(is_adjusted, "zero before the end of the run: {old:?}, {new:?}");
            }
            CountdownPhase::Idle => assert!(!is_completed, "zero without a run: {old:?}, {new:?}"),
            CountdownPhase::Running { .. } | CountdownPhase::Paused { .. } => {}
        }
    }
    if let Some(CountdownPhase::Running { ends_at, .. }) =
        commits.last().and_then(|last| room(&last.board)).map(|room| room.phase)
    {
        assert!(until.since(ends_at) <= LATENESS_AFTER_FAULT, "no zero of {ends_at:?} by {until:?}");
    }
    zeros
}

/// Checks the lateness of the zero that the last of these commits made.
fn count_zero(zeros: &mut Zeros, ends_at: Timestamp, commits: &[CommittedBoard], journal: &Journal) {
    let committed_at = commits[commits.len() - 1].at;
    let last_fault = journal.last_fault(committed_at);
    let (from, most) = if last_fault.is_some_and(|fault| ends_at <= fault + FAULT_REACH) {
        zeros.after_fault += 1;
        (last_fault.map_or(ends_at, |fault| ends_at.max(fault)), LATENESS_AFTER_FAULT)
    } else {
        zeros.superseded += usize::from(was_superseded(ends_at, &commits[..commits.len() - 1]));
        zeros.undisturbed += 1;
        (ends_at, UNDISTURBED_LATENESS)
    };
    let late = committed_at.since(from);
    assert!(late <= most, "the zero of {ends_at:?} came {late:?} after {from:?}, without a fault after that");
}

/// Tells whether a node may have timed a later deadline of the room before this one was set.
fn was_superseded(ends_at: Timestamp, commits: &[CommittedBoard]) -> bool {
    let limits = Limits::default();
    let in_force = commits.iter().rposition(|commit| commit.at + NEAR <= ends_at).unwrap_or(0);
    let deadlines = commits[in_force..].iter().filter_map(|commit| commit.board.deadline(&limits));
    deadlines.into_iter().any(|deadline| ends_at < deadline && deadline.since(ends_at) < NEAR)
}

/// The deadlines that only the leader times, and those of them that were fired again right after.
#[derive(Debug, Default)]
pub(crate) struct Firings {
    pub(crate) by_leader: usize,
    pub(crate) repeated: usize,
}

/// Counts the firings of deadlines that were set too early for the committing node to time them. A second firing is
/// harmless: it is a commit that changes no item.
pub(crate) fn count_firings(commits: &[CommittedBoard], journal: &Journal) -> Firings {
    let limits = Limits::default();
    let deadlines: Vec<Option<Timestamp>> = commits.iter().map(|commit| commit.board.deadline(&limits)).collect();
    let mut firings = Firings::default();
    for (nth, pair) in commits.windows(2).enumerate() {
        let [before, fired] = pair else { continue };
        let Some(deadline) = deadlines[nth].filter(|deadline| *deadline <= fired.board.at) else { continue };
        let set = deadlines[..nth].iter().rposition(|other| *other != Some(deadline)).map_or(0, |other| other + 1);
        let is_near = deadline < commits[set].at + NEAR || before.at + UNDISTURBED_LATENESS > deadline;
        let is_disturbed =
            journal.last_fault(fired.at + UNDISTURBED_LATENESS).is_some_and(|fault| deadline <= fault + FAULT_REACH);
        if is_near || is_disturbed {
            continue;
        }
        firings.by_leader += 1;
        let next = commits.get(nth + 2).filter(|next| next.at.since(fired.at) <= UNDISTURBED_LATENESS);
        firings.repeated += usize::from(next.is_some_and(|next| next.board.items == fired.board.items));
    }
    firings
}

fn room(board: &Board) -> Option<&Room> {
    board.get::<Room>(&())
}
