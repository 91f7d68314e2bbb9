//! What must be true at the end of a run, or during it.

use std::collections::BTreeSet;

use timers::node::RoomPresence;
use timers::room::Member;
use timers::{Limits, MemberId, Millis, NodeId, Scope};

use super::{ROOMS, Return, Rooms, is_of, oracle, room};
use crate::simulation::cluster::Node;
use crate::simulation::journal::CommittedBoard;

/// Most views that miss an update in a run without network faults: a commit of the node's own on a board that it loaded
/// can overtake an update.
const REPAIRS_MAX: u64 = 3;

/// Distance from the moment at which a disconnected member expires within which either outcome is right.
const EXPIRY_UNCERTAINTY: Millis = Millis(200);

/// What runs have exercised.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Coverage {
    pub(crate) deaths: usize,
    pub(crate) joins: usize,
    pub(crate) leaves: usize,
    pub(crate) resyncs: usize,
    pub(crate) undisturbed_zeros: usize,
    pub(crate) superseded_zeros: usize,
    pub(crate) zeros_after_fault: usize,
    /// Deadlines that only the leader timed, and those of them that were fired again.
    pub(crate) fired_by_leader: usize,
    pub(crate) fired_again: usize,
    /// Returns of disconnected members in time, and too late.
    pub(crate) resumed: usize,
    pub(crate) expired: usize,
}

impl Coverage {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            deaths: self.deaths + other.deaths,
            joins: self.joins + other.joins,
            leaves: self.leaves + other.leaves,
            resyncs: self.resyncs + other.resyncs,
            undisturbed_zeros: self.undisturbed_zeros + other.undisturbed_zeros,
            superseded_zeros: self.superseded_zeros + other.superseded_zeros,
            zeros_after_fault: self.zeros_after_fault + other.zeros_after_fault,
            fired_by_leader: self.fired_by_leader + other.fired_by_leader,
            fired_again: self.fired_again + other.fired_again,
            resumed: self.resumed + other.resumed,
            expired: self.expired + other.expired,
        }
    }
}

impl Rooms {
    /// Each connected person is a member, and the view of its node equals the store.
    pub(crate) fn connected_people_are_members(&self) {
        for room in (0..ROOMS).map(room) {
            let board = self.cluster.store.board(&Scope::room(&room));
            let mut seen = BTreeSet::new();
            for client in self.connected().filter(|client| client.room == room) {
                let state = client.state.lock().unwrap();
                let session = state.sessions.last().expect("a connected person is a member by now");
                assert_eq!(session.board(), &board, "a view equals the store");
                assert!(seen.insert(session.member.clone()), "one connection for each member");
                let member = board.get::<Member>(&session.member).expect("a connected person is on the board");
                assert_eq!(member.disconnected_at, None, "{} is connected", member.id);
            }
        }
    }

    /// Each connected person is a member under the present name of its node, which records that it has members there.
    pub(crate) fn nodes_record_their_members(&self) {
        for client in self.connected() {
            let state = client.state.lock().unwrap();
            let id = &state.sessions.last().expect("a connected person is a member by now").member;
            let node = self.nodes.iter().find(|node| node.name == client.node).expect("its node lives");
            let name = node.engine.presence().name().borrow().clone().expect("a node with members has a lease");
            let board = self.cluster.store.board(&Scope::room(&client.room));
            let member = board.get::<Member>(id).expect("a connected person is on the board");
            assert_eq!((&member.node, state.member_of.as_ref()), (&name, Some(&name)), "the node of {id}");
            let board = self.cluster.store.board(&Scope::node(&name));
            assert!(board.get::<RoomPresence>(&client.room).is_some(), "{name} records that it has members: {board:?}");
        }
    }

    pub(crate) fn no_member_is_of(&self, node: &str) {
        for room in (0..ROOMS).map(room) {
            let board = self.cluster.store.board(&Scope::room(&room));
            let members: Vec<&Member> = board.all::<Member>().filter(|member| is_of(&member.node, node)).collect();
            assert!(members.is_empty(), "members of {node} in {room}: {members:?}");
        }
    }

    /// No dead node has a member, or anything left on a board of its own.
    pub(crate) fn dead_nodes_have_no_members(&self) {
        for room in (0..ROOMS).map(room) {
            let board = self.cluster.store.board(&Scope::room(&room));
            let is_dead = |name: &NodeId| self.dead.iter().any(|dead| is_of(name, dead));
            let left: Vec<&Member> = board.all::<Member>().filter(|member| is_dead(&member.node)).collect();
            assert!(left.is_empty(), "members of dead nodes: {left:?}");
            let commits = self.cluster.journal.commits(&room);
            for name in node_names(&commits).iter().filter(|name| is_dead(name)) {
                let board = self.cluster.store.board(&Scope::node(name));
                assert!(board.items.is_empty(), "left of the dead node {name}: {board:?}");
            }
        }
    }

    /// Nobody is a member who is not connected.
    pub(crate) fn nobody_else_is_a_member(&self) {
        for room in (0..ROOMS).map(room) {
            let board = self.cluster.store.board(&Scope::room(&room));
            let connected = self.connected().filter(|client| client.room == room);
            let connected: BTreeSet<MemberId> = connected
                .filter_map(|client| Some(client.state.lock().unwrap().sessions.last()?.member.clone()))
                .collect();
            let others: Vec<&Member> = board.all::<Member>().filter(|member| !connected.contains(&member.id)).collect();
            assert!(others.is_empty(), "members of {room} who are not connected: {others:?}");
        }
    }

    /// Each client has had one membership: no node was considered dead that lives.
    pub(crate) fn memberships_end_only_with_their_clients(&self) {
        for (room, client) in &self.clients {
            let sessions = &client.lock().unwrap().sessions;
            let members: Vec<&MemberId> = sessions.iter().map(|session| &session.member).collect();
            assert!(members.len() <= 1, "the memberships of one client in {room}: {members:?}");
        }
    }

    /// Checks that the events to each member agree with the commits, and that each countdown reaches zero once and in time. With
    /// `complete`, each member was sent each change of the members and each zero.
    pub(crate) fn events_tell_the_commits(&self, complete: bool) -> Coverage {
        let mut coverage = Coverage { deaths: self.dead.len(), ..Coverage::default() };
        for room in (0..ROOMS).map(room) {
            let commits = self.cluster.journal.commits(&room);
            let zeros = oracle::check_countdown(&commits, &self.cluster.journal, self.cluster.clock.now());
            coverage.undisturbed_zeros += zeros.undisturbed;
            coverage.superseded_zeros += zeros.superseded;
            coverage.zeros_after_fault += zeros.after_fault;
            let firings = oracle::count_firings(&commits, &self.cluster.journal);
            coverage.fired_by_leader += firings.by_leader;
            coverage.fired_again += firings.repeated;
            for (_, client) in self.clients.iter().filter(|(of, _)| *of == room) {
                let client = client.lock().unwrap();
                for session in &client.sessions {
                    let events = oracle::check_session(session, &commits);
                    if complete {
                        oracle::check_complete(session, &events, &commits);
                    }
                    coverage.resyncs += events.resyncs;
                    coverage.joins += events.members.values().map(|seen| seen.joins).sum::<usize>();
                    coverage.leaves += events.members.values().map(|seen| seen.leaves).sum::<usize>();
                }
            }
        }
        if complete {
            self.check_returns(&mut coverage);
            let repairs = |node: &Node| node.engine.stats().gaps.get() + node.engine.stats().positions_differed.get();
            let repairs: u64 = self.nodes.iter().map(repairs).sum();
            assert!(repairs <= REPAIRS_MAX, "{repairs} updates were missed without faults");
        }
        coverage
    }

    /// A member that returned in time after a lost connection has kept its membership, and one that did not has not.
    fn check_returns(&self, coverage: &mut Coverage) {
        let within = Limits::default().room.reconnect_within;
        for Return { lost, state } in &self.returns {
            let state = state.lock().unwrap();
            let Some(session) = state.sessions.first() else { continue };
            let returned_at = session.begun_at();
            if self.cluster.journal.last_fault(returned_at).is_some_and(|fault| fault >= lost.at) {
                continue;
            }
            if returned_at + EXPIRY_UNCERTAINTY < lost.at + within {
                assert_eq!(session.member, lost.member, "lost at {:?}, returned at {returned_at:?}", lost.at);
                coverage.resumed += 1;
            } else if lost.at + within + EXPIRY_UNCERTAINTY < returned_at {
                assert_ne!(session.member, lost.member, "lost at {:?}, returned at {returned_at:?}", lost.at);
                coverage.expired += 1;
            }
        }
    }
}

/// Returns the names under which nodes have had members in a room.
fn node_names(commits: &[CommittedBoard]) -> BTreeSet<NodeId> {
    commits.iter().flat_map(|commit| commit.board.all::<Member>()).map(|member| member.node.clone()).collect()
}
