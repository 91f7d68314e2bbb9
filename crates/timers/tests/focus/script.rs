//! Random lives of a session: sockets on two nodes that coalesce activity, report it late and in any order, drop, return, and
//! die with their node; pauses. The counters are those of the seed's server, to the second.

use std::collections::BTreeMap;

use proptest::prelude::*;
use timers::focus::{Ending, FocusCommand, FocusId, OpenStatus, ReportedCounters, Spans};
use timers::{Beat, Millis, NodeId, Timestamp};

use super::fixture::*;
use super::oracle::{Happening, SeedServer};

/// A socket writes activity at most once in so many milliseconds.
const COALESCED_MS: u64 = 5000;

/// Activities of a socket that are closer are one span.
const SPAN_GAP: Millis = Millis(1000);

const RENEWAL_MS: u64 = 2500;
const LEASE_MS: u64 = 8000;

const SOCKETS: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    Start(usize),
    Activity(usize),
    TabSwitch(usize),
    /// A socket is lost, which its node records so many milliseconds later.
    Drop(usize, u64),
    Pause,
    Resume,
    /// The node of a socket dies, which the others see so many milliseconds after the end of its lease.
    Kill(usize, u64),
}

/// A socket of a page.
struct Socket {
    name: String,
    node: String,
    unwritten: Spans,
    /// Activity that is not written, in the order in which it happened.
    activity: Vec<u64>,
    written_at: Option<u64>,
}

/// What arrives at the board later than it is sent.
enum Arrival {
    /// A socket's timer writes what is coalesced: the number of the socket, and its name.
    Write(usize, String),
    Report {
        node: String,
        spans: Spans,
        activity: Vec<u64>,
    },
    Disconnect {
        name: String,
        at: u64,
        spans: Spans,
    },
    RemoveNode {
        node: String,
        renewed_at: u64,
    },
}

struct World {
    ann: Person,
    id: FocusId,
    sockets: [Option<Socket>; SOCKETS],
    arrivals: BTreeMap<(u64, u64), Arrival>,
    generation: u64,
    /// How often each node has started.
    runs: [u64; 2],
    /// The instants until which the nodes are known to live, besides their leases.
    evidence: BTreeMap<String, u64>,
    requested_at: u64,
    happenings: Vec<(u64, Happening)>,
    /// How late the reports are, in turn.
    delays: Vec<u64>,
    sent: usize,
}

impl World {
    fn new(delays: Vec<u64>) -> Self {
        let (ann, id) = Person::with_session();
        Self {
            ann,
            id,
            sockets: Default::default(),
            arrivals: BTreeMap::new(),
            generation: 0,
            runs: [0, 0],
            evidence: BTreeMap::new(),
            requested_at: 0,
            happenings: Vec::new(),
            delays,
            sent: 0,
        }
    }

    fn now(&self) -> u64 {
        self.ann.now.0
    }

    /// Lets time pass; what arrives meanwhile is carried out at its instant.
    fn pass(&mut self, millis: u64) {
        let until = self.now() + millis;
        while let Some(entry) = self.arrivals.first_entry().filter(|entry| entry.key().0 <= until) {
            let ((at, _), arrival) = entry.remove_entry();
            self.ann.pass_until(Timestamp(at));
            self.arrive(arrival);
        }
        self.ann.pass_until(Timestamp(until));
    }

    fn send(&mut self, at: u64, arrival: Arrival) {
        self.generation += 1;
        self.arrivals.insert((at, self.generation), arrival);
    }

    fn arrive(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Write(number, name) => {
                if self.sockets[number].as_ref().is_some_and(|socket| socket.name == name) {
                    self.write(number);
                }
            }
            Arrival::Report { node, spans, activity } => {
                self.know_activity(&node, &activity);
                self.ann.apply(FocusCommand::Report(self.id, spans)).unwrap();
            }
            Arrival::Disconnect { name, at, spans } => {
                let disconnect = FocusCommand::Disconnect(self.id, tracker(&name), Some(Timestamp(at)), spans);
                self.ann.apply(disconnect).unwrap();
            }
            Arrival::RemoveNode { node, renewed_at } => {
                let node = NodeId::new(&node).unwrap();
                self.ann.apply(FocusCommand::RemoveNode(node, Timestamp(renewed_at))).unwrap();
            }
        }
    }

    /// Records that activity of a node has been stored.
    fn know_activity(&mut self, node: &str, activity: &[u64]) {
        for at in activity {
            self.know(node, *at);
            self.happenings.push((*at, Happening::Activity));
        }
    }

    fn know(&mut self, node: &str, at: u64) {
        let known = self.evidence.entry(node.to_owned()).or_default();
        *known = (*known).max(at);
    }

    /// Carries out at once what is to arrive, of all kinds but timers, so that nobody acts on a state that is out of date.
    fn flush(&mut self) {
        for (key, arrival) in std::mem::take(&mut self.arrivals) {
            match arrival {
                Arrival::Disconnect { .. } => self.arrive(arrival),
                Arrival::Write(..) | Arrival::Report { .. } | Arrival::RemoveNode { .. } => {
                    self.arrivals.insert(key, arrival);
                }
            }
        }
    }

    fn has_unseen_death(&self) -> bool {
        self.arrivals.values().any(|arrival| matches!(arrival, Arrival::RemoveNode { .. }))
    }

    fn take(&mut self, step: Step) {
        let now = self.now();
        match step {
            Step::Start(number) => {
                let (generation, run) = (self.generation, self.runs[number % 2]);
                let socket = self.sockets[number].get_or_insert_with(|| {
                    let node = format!("n{}-{run}", number % 2);
                    Socket {
                        name: format!("{node}/{number}-{generation}"),
                        node,
                        unwritten: Spans::default(),
                        activity: Vec::new(),
                        written_at: None,
                    }
                });
                let (name, node) = (socket.name.clone(), socket.node.clone());
                self.generation += 1;
                self.know(&node, now);
                self.happenings.push((now, Happening::Start(name.clone())));
                self.ann.start(self.id, &name);
            }
            Step::Activity(number) => self.be_active(number, now),
            Step::TabSwitch(number) => {
                let Some(node) = self.sockets[number].as_ref().map(|socket| socket.node.clone()) else { return };
                // A refusal changes nothing, of the evidence neither.
                if self.ann.apply(FocusCommand::SwitchTab(self.id)).is_ok() {
                    self.know(&node, now);
                }
                self.happenings.push((now, Happening::TabSwitch));
            }
            Step::Drop(number, delay) => {
                let Some(socket) = self.sockets[number].take() else { return };
                self.happenings.push((now, Happening::Gone(socket.name.clone())));
                self.know_activity(&socket.node, &socket.activity);
                self.send(now + delay, Arrival::Disconnect { name: socket.name, at: now, spans: socket.unwritten });
            }
            Step::Pause => self.request(OpenStatus::Paused, Happening::Pause),
            Step::Resume => self.request(OpenStatus::Active, Happening::Resume),
            Step::Kill(number, delay) => self.kill(number, delay),
        }
    }

    /// Pauses or resumes by a request.
    fn request(&mut self, status: OpenStatus, happening: Happening) {
        if self.has_unseen_death() {
            return;
        }
        self.flush();
        if self.ann.session(self.id).tracking.is_some() == (status == OpenStatus::Paused) {
            self.requested_at = self.now();
        }
        self.happenings.push((self.now(), happening));
        self.ann.set_status(self.id, status);
    }

    fn be_active(&mut self, number: usize, now: u64) {
        let Some(socket) = &mut self.sockets[number] else { return };
        socket.unwritten.record(Timestamp(now), SPAN_GAP);
        socket.activity.push(now);
        match socket.written_at {
            Some(written_at) if now < written_at + COALESCED_MS => {
                if socket.activity.len() == 1 {
                    let name = socket.name.clone();
                    self.send(written_at + COALESCED_MS, Arrival::Write(number, name));
                }
            }
            Some(_) | None => self.write(number),
        }
    }

    /// Sends what a socket has coalesced.
    fn write(&mut self, number: usize) {
        let now = self.now();
        let Some(socket) = &mut self.sockets[number] else { return };
        socket.written_at = Some(now);
        let (spans, activity) = (std::mem::take(&mut socket.unwritten), std::mem::take(&mut socket.activity));
        let report = Arrival::Report { node: socket.node.clone(), spans, activity };
        let delay = self.delays[self.sent % self.delays.len()];
        self.sent += 1;
        self.send(now + delay, report);
    }

    /// Kills the node of a socket. What it has not stored is lost, and another node takes its place.
    fn kill(&mut self, number: usize, delay: u64) {
        let now = self.now();
        let Some(node) = self.sockets[number].as_ref().map(|socket| socket.node.clone()) else { return };
        // Its sockets that went before have gone by then for the others too.
        self.flush();
        let is_lost = |arrival: &Arrival| matches!(arrival, Arrival::Report { node: of, .. } if *of == node);
        self.arrivals.retain(|_, arrival| !is_lost(arrival));
        let renewed_at = now - now % RENEWAL_MS;
        let known = self.evidence.get(&node).copied().unwrap_or_default();
        let gone_at = renewed_at.max(known).max(self.requested_at);
        for socket in &mut self.sockets {
            if let Some(socket) = socket.take_if(|socket| socket.node == node) {
                self.happenings.push((gone_at, Happening::Gone(socket.name)));
            }
        }
        // A node that starts again has another name.
        self.runs[number % 2] += 1;
        self.send(renewed_at + LEASE_MS + delay, Arrival::RemoveNode { node, renewed_at });
    }

    /// Ends the session, as a socket or by a request, and returns what the seed's server would have counted.
    fn end(&mut self) -> ([u64; 4], [u64; 4]) {
        self.flush();
        while self.arrivals.values().any(|arrival| !matches!(arrival, Arrival::Write(..))) {
            self.pass(100);
        }
        let now = self.now();
        let mut last = Spans::default();
        for number in 0..SOCKETS {
            let Some(socket) = self.sockets[number].take() else { continue };
            self.know_activity(&socket.node, &socket.activity);
            last.unite(socket.unwritten.as_slice().to_vec(), SPAN_GAP);
        }
        self.ann.apply(FocusCommand::End(self.id, Ending::Completed, ReportedCounters::default(), last)).unwrap();
        let ended = self.ann.ended(self.id).unwrap();
        let seed = SeedServer::play(&self.happenings, now);
        let [elapsed, active, idle] = numbers(ended.counters);
        let score = {
            let completion = seed.elapsed as f64 / (25.0 * 60.0);
            let activity_ratio = seed.active as f64 / if seed.elapsed == 0 { 1.0 } else { seed.elapsed as f64 };
            let penalty = (seed.tab_switches * 2) as f64 + seed.idle as f64 / 30.0;
            (100.0 * completion * activity_ratio - penalty + 0.5).floor().max(0.0) as u64
        };
        assert_eq!(ended.focus_score, score);
        ([elapsed, active, idle, ended.tab_switches], [seed.elapsed, seed.active, seed.idle, seed.tab_switches])
    }
}

fn steps() -> impl Strategy<Value = Step> {
    let socket = || 0..SOCKETS;
    prop_oneof![
        4 => socket().prop_map(Step::Start),
        12 => socket().prop_map(Step::Activity),
        2 => socket().prop_map(Step::TabSwitch),
        3 => (socket(), 0..3000_u64).prop_map(|(socket, delay)| Step::Drop(socket, delay)),
        1 => Just(Step::Pause),
        2 => Just(Step::Resume),
        1 => (socket(), 0..1000_u64).prop_map(|(socket, delay)| Step::Kill(socket, delay)),
    ]
}

/// Milliseconds between steps: some fall on ticks, some are longer than the threshold and than a return takes.
fn pauses() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 1..2500_u64,
        3 => (1..40_u64).prop_map(|quarters| quarters * 250),
        2 => 10_000..20_000_u64,
        1 => (58..68_u64).prop_map(|halves| halves * 500),
        1 => proptest::sample::select(&[1000, 15_000, 15_001, 30_000, 30_001][..]),
        1 => 20_000..60_000_u64,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn counters_are_those_of_a_server_that_ticks_each_second(
        script in proptest::collection::vec((pauses(), steps()), 1..60),
        delays in proptest::collection::vec(0..12_000_u64, 1..7),
        rest in pauses(),
    ) {
        let mut world = World::new(delays);
        world.take(Step::Start(0));
        for (pause, step) in script {
            world.pass(pause);
            world.take(step);
        }
        world.pass(rest);
        let (counted, seed) = world.end();
        prop_assert_eq!(counted, seed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn each_tick_shows_what_the_seeds_server_has_counted_until_then(
        script in proptest::collection::vec((pauses(), steps()), 1..25),
    ) {
        let mut world = World::new(vec![0]);
        world.take(Step::Start(0));
        for (pause, step) in script {
            let (from, until) = (world.now(), world.now() + pause);
            for beat in from.div_ceil(SECOND)..until.div_ceil(SECOND) {
                world.pass((beat * SECOND).saturating_sub(world.now()));
                let seed = SeedServer::play(&world.happenings, world.now());
                let Some(tick) = world.ann.session(world.id).tick_at(Beat(beat)) else { continue };
                let shown = (numbers(tick.counters), tick.tab_switches);
                prop_assert_eq!(shown, ([seed.elapsed, seed.active, seed.idle], seed.tab_switches));
                prop_assert_eq!(tick.idle, seed.is_idle);
            }
            world.pass(until - world.now());
            // Each activity is written at once, and a node that dies is not noticed for seconds.
            match step {
                Step::Activity(number) => {
                    world.be_active(number, until);
                    world.write(number);
                    world.pass(0);
                }
                Step::Drop(number, _) => {
                    world.take(Step::Drop(number, 0));
                    world.pass(0);
                }
                Step::Kill(..) => {}
                Step::Start(_) | Step::TabSwitch(_) | Step::Pause | Step::Resume => world.take(step),
            }
        }
    }
}
