//! What a change was about, in one word and one id.

use serde::{Deserialize, Serialize};

use crate::ids::{LinkId, MemberId, NodeId, SessionId};

/// The reason of a change. It travels with the update for logs and traces; what clients are told is
/// derived from the old and the new view, so that a lost update loses no event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A session began a run, or its text was rewritten while running.
    SessionStarted(SessionId),
    /// A session ended.
    SessionStopped(SessionId),
    /// A session was paused.
    SessionPaused(SessionId),
    /// A session runs again.
    SessionResumed(SessionId),
    /// A session left the list.
    SessionRemoved(SessionId),
    /// A goal was put on a session.
    GoalAttached(SessionId),
    /// A goal was taken off a session.
    GoalDetached(SessionId),
    /// Finished sessions were brought in from elsewhere.
    RowsIngested,
    /// A room was made.
    RoomCreated,
    /// Somebody came into a room.
    MemberJoined(MemberId),
    /// A member came back by another connection.
    MemberResumed(MemberId),
    /// The member of a connection went.
    MemberLeft(LinkId),
    /// A member's connection was lost.
    MemberLost(LinkId),
    /// The members that a dead node had went.
    NodeDeparted(NodeId),
    /// A countdown was begun.
    CountdownStarted,
    /// A countdown was held.
    CountdownPaused,
    /// A countdown goes on.
    CountdownResumed,
    /// A countdown was put back.
    CountdownReset,
    /// A countdown's end was moved.
    CountdownAdjusted,
    /// A node began.
    NodeBegan,
    /// A node lives.
    NodeRenewed,
    /// A node is about to have members in rooms.
    NodeEntered,
    /// A node has no members in rooms any more.
    NodeExited,
    /// Clients were sent away.
    ClientsSentAway,
    /// Deadlines were carried out.
    Settled,
}
