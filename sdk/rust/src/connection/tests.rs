//! The connection against links in memory: reconnects, and moves to another node.

use std::sync::{Arc, Mutex};

use tokio::sync::mpsc::Receiver;

use super::*;

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// The links that were dialled.
type Dialled = Arc<Mutex<Vec<Receiver<String>>>>;

struct MemoryDialer(Dialled);

impl Dial for MemoryDialer {
    fn dial(&mut self, id: LinkId) -> Link {
        let (link, texts) = Link::new(id);
        self.0.lock().unwrap().push(texts);
        link
    }
}

struct World {
    connection: Connection<&'static str>,
    dialled: Dialled,
    now: Instant,
}

impl World {
    /// Opens a connection whose delays are the longest.
    fn open(can_renew_credential: bool) -> Self {
        let dialled = Dialled::default();
        let dialer = Box::new(MemoryDialer(Arc::clone(&dialled)));
        let mut connection = Connection::new(dialer, Box::new(|| 1.0), can_renew_credential);
        let now = Instant::now();
        connection.open(now);
        Self { connection, dialled, now }
    }

    /// Opens a connection whose first link has completed its handshake.
    fn online() -> Self {
        let mut world = Self::open(false);
        assert!(!world.connection.complete(world.now));
        world.outputs();
        world
    }

    fn outputs(&mut self) -> Vec<Output<&'static str>> {
        std::iter::from_fn(|| self.connection.take_output()).collect()
    }

    fn dials(&self) -> usize {
        self.dialled.lock().unwrap().len()
    }

    /// Tells whether a link is open.
    fn is_open(&self, id: usize) -> bool {
        !self.dialled.lock().unwrap()[id - 1].is_closed()
    }

    fn advance(&mut self, by: Duration) {
        self.now += by;
        if self.connection.deadline().is_some_and(|at| at <= self.now) {
            self.connection.handle_deadline(self.now);
        }
    }

    fn receive(&mut self, id: LinkId, event: LinkEvent<&'static str>) {
        self.connection.handle_event(id, event, self.now);
    }

    fn close(&mut self, id: LinkId, code: u16, reason: &str) {
        self.receive(id, LinkEvent::Closed(ConnectionError::Closed { code, reason: reason.to_owned() }));
    }

    /// Returns the delay before the next attempt.
    fn delay(&self) -> Option<Duration> {
        let ConnectionState::Offline { retry_at, .. } = self.connection.state() else { return None };
        Some(*retry_at - self.now)
    }
}

#[test]
fn a_connection_is_online_after_its_handshake() {
    let mut world = World::open(false);
    assert_eq!(*world.connection.state(), ConnectionState::Connecting);
    assert!(!world.connection.send("early".to_owned()) && world.connection.send_early("hello".to_owned()));
    world.receive(1, LinkEvent::Message("ready"));
    assert_eq!(world.outputs(), [Output::StateChanged, Output::Early("ready")]);
    assert!(!world.connection.complete(world.now));
    assert!(world.connection.is_online() && world.connection.send("command".to_owned()));
    world.receive(1, LinkEvent::Message("tick"));
    assert_eq!(world.outputs(), [Output::StateChanged, Output::Message("tick")]);
}

#[test]
fn a_lost_connection_is_retried_with_growing_delays() {
    let mut world = World::open(false);
    for (id, delay) in (1..).zip([1, 2, 4, 8, 15, 15]) {
        world.receive(id, LinkEvent::Closed(ConnectionError::lost("x")));
        assert_eq!(world.delay(), Some(S * delay));
        world.advance(S * delay - MS);
        assert_eq!(world.dials() as u64, id);
        world.advance(MS);
        assert_eq!((world.dials() as u64, world.connection.state()), (id + 1, &ConnectionState::Connecting));
    }
}

#[test]
fn only_a_connection_that_has_lasted_resets_the_backoff() {
    let mut world = World::open(false);
    for (id, (lasted, delay)) in (1..).zip([(0, 1), (19, 2), (20, 1), (0, 2)]) {
        world.connection.complete(world.now);
        world.advance(S * lasted);
        world.close(id, 1001, "");
        assert_eq!(world.delay(), Some(S * delay));
        world.advance(S * delay);
    }
}

#[test]
fn the_advice_of_a_close_is_followed() {
    let mut world = World::online();
    world.close(1, 1012, r#"{"reconnectAfterMs":700}"#);
    assert_eq!(world.delay(), Some(MS * 700));
    world.advance(MS * 700);
    world.close(2, 4429, "");
    assert_eq!(world.delay(), Some(S * 15));
}

#[test]
fn a_refused_connection_stays_refused_until_it_is_opened_again() {
    let mut world = World::online();
    world.close(1, 4403, "Forbidden");
    assert!(matches!(world.connection.state(), ConnectionState::Refused(refused) if refused.code == 4403));
    assert_eq!(world.connection.deadline(), None);
    world.connection.open(world.now);
    assert_eq!((world.dials(), world.connection.state()), (2, &ConnectionState::Connecting));
}

#[test]
fn a_token_provider_gets_one_more_attempt_after_a_refusal() {
    let mut world = World::open(true);
    world.close(1, 4401, "Unauthorized");
    assert_eq!(world.delay(), Some(S));
    world.advance(S);
    world.close(2, 4401, "Unauthorized");
    assert!(matches!(world.connection.state(), ConnectionState::Refused(_)));
    world.connection.open(world.now);
    world.close(3, 4403, "Forbidden");
    assert!(matches!(world.connection.state(), ConnectionState::Refused(_)), "a fresh token does not help");
}

#[test]
fn a_link_without_a_handshake_is_given_up() {
    let mut world = World::open(false);
    world.advance(S * 10);
    assert!(!world.is_open(1) && world.delay() == Some(S));
}

#[test]
fn a_connection_moves_before_its_node_closes_it_and_drops_the_old_link_after_a_tick() {
    let mut world = World::online();
    world.receive(1, LinkEvent::GoingAway(S * 4));
    world.advance(S - MS);
    assert_eq!(world.dials(), 1);
    world.advance(MS);
    assert_eq!((world.dials(), world.connection.is_online()), (2, true));
    world.receive(1, LinkEvent::Message("tick 1"));
    world.receive(2, LinkEvent::Message("ready"));
    assert_eq!(world.outputs(), [Output::Message("tick 1"), Output::Early("ready")]);
    assert!(world.connection.complete(world.now));
    world.receive(1, LinkEvent::Message("tick 2"));
    world.receive(2, LinkEvent::Message("tick 2"));
    assert_eq!(world.outputs(), [Output::Late("tick 2"), Output::Message("tick 2")]);
    world.connection.drop_old();
    assert!(!world.is_open(1) && world.is_open(2));
    world.close(1, 1012, "");
    assert!(world.connection.is_online() && world.outputs().is_empty());
}

#[test]
fn the_old_link_is_closed_if_the_new_one_delivers_no_tick() {
    let mut world = World::online();
    world.receive(1, LinkEvent::GoingAway(S * 4));
    world.advance(S);
    world.connection.complete(world.now);
    world.advance(MS * 2_499);
    assert!(world.is_open(1));
    world.advance(MS);
    assert!(!world.is_open(1));
}

#[test]
fn a_refused_move_is_tried_again_until_the_node_ends() {
    let mut world = World::online();
    world.receive(1, LinkEvent::GoingAway(S * 4));
    world.advance(S);
    for (id, delay) in (2..).zip([150, 300, 600, 1_000, 1_000]) {
        world.receive(id, LinkEvent::Closed(ConnectionError::Handshake { status: 503, retry_after: Some(S * 9) }));
        assert_eq!(world.outputs(), [Output::NextFailed]);
        world.advance(MS * delay);
        assert_eq!(world.dials() as u64, id + 1);
    }
    // The dial in progress continues when the current link ends.
    world.close(1, 1012, r#"{"reconnectAfterMs":9000}"#);
    assert_eq!(*world.connection.state(), ConnectionState::Connecting);
    assert!(!world.connection.complete(world.now) && world.connection.is_online());
}

#[test]
fn a_node_that_is_itself_leaving_is_left_again() {
    let mut world = World::online();
    world.receive(1, LinkEvent::GoingAway(S * 4));
    world.advance(S);
    world.receive(2, LinkEvent::GoingAway(S * 4));
    assert!(world.connection.complete(world.now));
    world.advance(S);
    assert_eq!(world.dials(), 3);
}

#[test]
fn a_dead_link_is_given_up_and_its_later_events_are_ignored() {
    let mut world = World::online();
    world.connection.abort(ConnectionError::lost("silent"), world.now);
    assert!(!world.is_open(1) && world.delay() == Some(S));
    world.outputs();
    world.receive(1, LinkEvent::Message("late"));
    world.close(1, 4403, "");
    assert!(world.outputs().is_empty() && world.delay() == Some(S));
    world.connection.close();
    assert_eq!((world.connection.deadline(), world.connection.state()), (None, &ConnectionState::Closed));
}
