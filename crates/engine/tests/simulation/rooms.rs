//! Rooms: people join, leave, lose their connections and return, and operate countdowns, while faults are injected.

mod checks;
mod client;
mod oracle;
mod session;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::{Content, Request};
use timers::room::RoomCommand;
use timers::{MemberId, Millis, NodeId, ResumeSecret, RoomId, Scope, Timestamp};
use tokio::time::{Instant, sleep};

use super::cluster::{Cluster, Node};
use super::network::Faults;
pub(crate) use checks::Coverage;
use client::{ClientState, Order, RoomClient};

const NODES: usize = 3;
const ROOMS: usize = 2;
const PEOPLE: usize = 12;

/// Longest time until only connected members are left once there are no faults and nobody does anything: a leader may
/// have to be steady for a lease first, then a lost lease is found, its members are removed, and those that live join
/// again, or disconnected members expire.
const SETTLED_WITHIN: Duration = Duration::from_secs(35);

/// Longest time until the members of a dead node are gone while the others run undisturbed.
const DEAD_GONE_WITHIN: Duration = Duration::from_secs(15);

/// One person, who has at most one connection at a time.
struct Person {
    room: RoomId,
    state: PersonState,
}

enum PersonState {
    Away { until: Instant, secret: Option<ResumeSecret>, lost: Option<LostConnection> },
    Connected(RoomClient),
}

/// The membership of a person whose connection was lost, but whose node lives.
#[derive(Clone)]
struct LostConnection {
    at: Timestamp,
    member: MemberId,
}

/// A person who returned after a lost connection.
struct Return {
    lost: LostConnection,
    state: Arc<Mutex<ClientState>>,
}

pub(crate) struct Rooms {
    cluster: Cluster,
    nodes: Vec<Node>,
    dead: Vec<String>,
    /// When the links that are cut are restored.
    cuts: BTreeMap<String, Instant>,
    people: Vec<Person>,
    /// All clients that there have been, with their rooms.
    clients: Vec<(RoomId, Arc<Mutex<ClientState>>)>,
    returns: Vec<Return>,
}

impl Rooms {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        let mut cluster = Cluster::new(seed, faults);
        let nodes = (0..NODES).map(|_| cluster.start_node()).collect();
        let away = || PersonState::Away { until: Instant::now(), secret: None, lost: None };
        let people = (0..PEOPLE).map(|nth| Person { room: room(nth % ROOMS), state: away() }).collect();
        let (dead, cuts) = (Vec::new(), BTreeMap::new());
        Self { cluster, nodes, dead, cuts, people, clients: Vec::new(), returns: Vec::new() }
    }

    /// Has people act and injects faults for a while.
    pub(crate) async fn live(&mut self, span: Duration) {
        let end = Instant::now() + span;
        let faults = self.cluster.faults;
        let mut saved = (Instant::now(), self.cluster.store.content());
        while Instant::now() < end {
            sleep(Duration::from_millis(self.cluster.rng.u64(1..60))).await; // tidy: allow: virtual time
            self.connect_people();
            if self.cluster.chance(20) {
                self.end_connection(Order::Leave);
            }
            if self.cluster.chance(20) {
                self.end_connection(Order::Disconnect);
            }
            if self.cluster.chance(45) {
                self.operate_countdown();
            }
            if faults.rollbacks && saved.0.elapsed() > Duration::from_secs(2) {
                if self.cluster.chance(300) {
                    self.roll_back(&saved.1).await;
                }
                saved = (Instant::now(), self.cluster.store.content());
            }
            if faults.cuts {
                self.cut_and_restore().await;
            }
            if faults.node_deaths {
                if self.nodes.len() > 2 && self.cluster.chance(5) {
                    self.kill_node().await;
                }
                if self.nodes.len() < NODES && self.cluster.chance(20) {
                    self.start_node();
                }
            }
        }
    }

    pub(crate) fn start_node(&mut self) {
        let node = self.cluster.start_node();
        self.nodes.push(node);
    }

    /// Kills a random node. Some of its people connect to another node later.
    pub(crate) async fn kill_node(&mut self) {
        let node = self.nodes.swap_remove(self.cluster.rng.usize(0..self.nodes.len()));
        for person in &mut self.people {
            if let PersonState::Connected(client) = &person.state
                && client.node == node.name
            {
                let secret = client.state.lock().unwrap().secret.clone().filter(|_| self.cluster.rng.u32(0..4) > 0);
                person.state = PersonState::Away { until: soon(&mut self.cluster, 20), secret, lost: None };
            }
        }
        self.dead.push(node.name.clone());
        node.kill().await;
    }

    /// Kills a node, and checks that its members are gone in time, while people act.
    pub(crate) async fn dead_members_leave_in_time(&mut self) {
        self.kill_node().await;
        let dead = self.dead.last().expect("one was killed").clone();
        self.live(DEAD_GONE_WITHIN).await;
        self.no_member_is_of(&dead);
    }

    /// Cuts the link of a node, checks that the others remove its members in time, while people act, and restores it.
    pub(crate) async fn isolated_members_leave_in_time(&mut self) {
        let nth = self.cluster.rng.usize(0..self.nodes.len());
        self.nodes[nth].link.cut().await;
        self.live(DEAD_GONE_WITHIN).await;
        self.no_member_is_of(&self.nodes[nth].name);
        self.nodes[nth].link.restore().await;
    }

    /// Makes the store unreachable until about when leases end, while people act.
    pub(crate) async fn lose_store(&mut self) {
        let span = Duration::from_millis(self.cluster.rng.u64(5_000..10_000));
        for node in &self.nodes {
            node.link.cut().await;
        }
        self.live(span).await;
        for node in &self.nodes {
            node.link.restore().await;
        }
    }

    /// Ends all faults and all activity, and waits until only connected members may be left.
    pub(crate) async fn settle(&mut self) {
        for node in &self.nodes {
            node.link.heal().await;
        }
        sleep(SETTLED_WITHIN).await; // tidy: allow: virtual time
        self.cluster.check_tasks();
    }

    /// Connects the people whose time has come.
    fn connect_people(&mut self) {
        for person in &mut self.people {
            let PersonState::Away { until, secret, lost } = &mut person.state else { continue };
            if *until > Instant::now() {
                continue;
            }
            let node = &self.nodes[self.cluster.rng.usize(0..self.nodes.len())];
            let seed = self.cluster.rng.u64(..);
            let client = RoomClient::connect(node, &person.room, secret.take(), self.cluster.clock, seed);
            if let Some(lost) = lost.take() {
                self.returns.push(Return { lost, state: Arc::clone(&client.state) });
            }
            self.clients.push((person.room.clone(), Arc::clone(&client.state)));
            person.state = PersonState::Connected(client);
        }
    }

    /// Has a random connected person leave, or lose the connection.
    fn end_connection(&mut self, order: Order) {
        let nth = self.cluster.rng.usize(0..self.people.len());
        let PersonState::Connected(client) = &self.people[nth].state else { return };
        client.order(order);
        let (until, secret, lost) = match order {
            Order::Leave => (soon(&mut self.cluster, 5), None, None),
            Order::Disconnect => {
                let state = client.state.lock().unwrap();
                let member = state.sessions.last().map(|session| session.member.clone());
                let lost = member.map(|member| LostConnection { at: self.cluster.clock.now(), member });
                (soon(&mut self.cluster, 20), state.secret.clone(), lost)
            }
        };
        self.people[nth].state = PersonState::Away { until, secret, lost };
    }

    /// Has a random connected person operate the countdown.
    fn operate_countdown(&mut self) {
        let rng = &mut self.cluster.rng;
        let nth = rng.usize(0..self.people.len());
        let command = match rng.u32(0..20) {
            0..=10 => RoomCommand::Start(Some(Millis(rng.u64(300..3000)))),
            11..=12 => RoomCommand::Pause,
            13..=15 => RoomCommand::Resume,
            16 => RoomCommand::Reset,
            _ => RoomCommand::Adjust(rng.i64(-3000..3000)),
        };
        let PersonState::Connected(client) = &self.people[nth].state else { return };
        let node = self.nodes.iter().find(|node| node.name == client.node).expect("its node lives");
        let request = Request { scope: Scope::room(&client.room), command: command.into(), id: None };
        let engine = Arc::clone(&node.engine);
        node.tasks().spawn(async move { drop(engine.execute(request).await) });
    }

    /// Cuts a random link for a moment, or for long enough to lose a lease, and restores those whose time has come.
    async fn cut_and_restore(&mut self) {
        let node = &self.nodes[self.cluster.rng.usize(0..self.nodes.len())];
        if self.cluster.rng.u32(0..1000) < 8 {
            let is_long = self.cluster.rng.u32(0..4) == 0;
            let millis = if is_long { self.cluster.rng.u64(3_000..15_000) } else { self.cluster.rng.u64(50..800) };
            self.cuts.insert(node.name.clone(), Instant::now() + Duration::from_millis(millis));
            node.link.cut().await;
        }
        for node in &self.nodes {
            if self.cuts.get(&node.name).is_some_and(|until| *until <= Instant::now()) {
                self.cuts.remove(&node.name);
                node.link.restore().await;
            }
        }
    }

    /// Fails over to a replica that lacks the last seconds.
    async fn roll_back(&mut self, content: &Content) {
        for node in &self.nodes {
            node.link.cut().await;
        }
        self.cluster.store.restore(content.clone());
        self.cuts.clear();
        for node in &self.nodes {
            node.link.restore().await;
        }
    }

    fn connected(&self) -> impl Iterator<Item = &RoomClient> {
        self.people.iter().filter_map(|person| match &person.state {
            PersonState::Connected(client) => Some(client),
            PersonState::Away { .. } => None,
        })
    }
}

fn room(nth: usize) -> RoomId {
    RoomId::new(&format!("room-{nth}")).unwrap()
}

/// Returns a random instant within so many seconds.
fn soon(cluster: &mut Cluster, seconds: u64) -> Instant {
    Instant::now() + Duration::from_millis(cluster.rng.u64(0..seconds * 1000))
}

/// Tells whether a name under which a node has members is of this node.
fn is_of(name: &NodeId, node: &str) -> bool {
    name.as_str().strip_prefix(node).is_some_and(|rest| rest.starts_with('.'))
}
