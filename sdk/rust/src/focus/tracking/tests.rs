use serde_json::Value;

use super::*;
use crate::error::ErrorCode;

const S: Duration = Duration::from_secs(1);

/// A tracking on a link that takes what it is given.
struct World {
    tracking: Tracking,
    now: Instant,
    sent: Vec<Value>,
}

impl World {
    fn new() -> Self {
        Self { tracking: Tracking::new(Box::new(|| 1.0)), now: Instant::now(), sent: Vec::new() }
    }

    fn with<R>(&mut self, act: impl FnOnce(&mut Tracking, Instant, SendText<'_>) -> R) -> R {
        let Self { tracking, now, sent } = self;
        act(tracking, *now, &mut |text| {
            sent.push(serde_json::from_str(&text).unwrap());
            true
        })
    }

    fn ensure(&mut self, wanted: &str) {
        self.with(|tracking, now, send| tracking.ensure(Some(wanted), now, send));
    }

    /// Returns the id of the last start.
    fn last_id(&self) -> String {
        self.sent.last().unwrap()["id"].as_str().unwrap().to_owned()
    }

    fn refuse(&mut self, retry: bool) -> Option<(ServerError, bool)> {
        let (id, now) = (self.last_id(), self.now);
        let code = ErrorCode::from(if retry { "busy" } else { "not_found" });
        self.tracking.receive_error(Some(&id), ServerError { code, message: "no".to_owned(), retry }, now)
    }

    fn started(session_id: &str) -> Self {
        let mut world = Self::new();
        world.ensure(session_id);
        let (id, now) = (world.last_id(), world.now);
        assert_eq!(world.tracking.receive_started(Some(&id), session_id.to_owned(), now), Some(false));
        world
    }
}

#[test]
fn a_session_is_started_once_on_each_link() {
    let mut world = World::new();
    world.ensure("s");
    world.ensure("s");
    assert_eq!((world.sent.len(), world.tracking.started()), (1, None));
    let (id, now) = (world.last_id(), world.now);
    assert_eq!(world.tracking.receive_started(Some("another"), "s".to_owned(), now), None);
    assert_eq!(world.tracking.receive_started(Some(&id), "s".to_owned(), now), Some(false));
    world.ensure("s");
    assert_eq!((world.sent.len(), world.tracking.started()), (1, Some("s")));
    world.tracking.handle_offline();
    world.tracking.handle_online(None, now);
    world.ensure("s");
    let id = world.last_id();
    assert_eq!(world.tracking.receive_started(Some(&id), "s".to_owned(), now), Some(true), "it is a return");
    world.tracking.handle_stopped("s");
    assert_eq!((world.tracking.started(), world.tracking.last_started()), (None, None));
}

#[test]
fn a_start_that_may_succeed_later_is_repeated_and_a_refused_one_waits_for_the_application() {
    let mut world = World::new();
    world.ensure("s");
    for pause in [1, 2, 4, 8, 8] {
        assert!(world.refuse(true).is_none());
        world.ensure("s");
        let sent = world.sent.len();
        world.now += S * pause;
        assert!(!world.tracking.handle_deadline(world.now));
        world.ensure("s");
        assert_eq!(world.sent.len(), sent + 1);
    }
    assert!(matches!(world.refuse(false), Some((_, true))));
    let sent = world.sent.len();
    world.ensure("s");
    assert_eq!(world.sent.len(), sent);
    world.tracking.urge();
    world.ensure("s");
    assert_eq!(world.sent.len(), sent + 1);
    world.now += START_TIMEOUT;
    assert!(world.tracking.handle_deadline(world.now), "the server does not answer");
}

#[test]
fn reports_are_sent_once_a_second_and_only_while_the_session_counts() {
    let mut world = World::started("s");
    let report = |world: &mut World, wanted: Option<&str>| {
        let sent = world.sent.len();
        world.with(|tracking, now, send| tracking.report_activity(wanted, now, send));
        world.sent.len() - sent
    };
    assert_eq!(report(&mut world, Some("s")), 0, "the start is activity");
    world.now += S;
    assert_eq!([report(&mut world, Some("s")), report(&mut world, Some("s"))], [1, 0]);
    world.now += S;
    assert_eq!([report(&mut world, None), report(&mut world, Some("t"))], [0, 0]);
    world.with(|tracking, _, send| tracking.report_tab_switch(Some("s"), send));
    assert_eq!(world.sent.last().unwrap()["type"], "tabSwitch");
    let late = ServerError { code: ErrorCode::InvalidMessage, message: "paused".to_owned(), retry: false };
    assert_eq!(world.tracking.receive_error(Some(TAB_SWITCH_ID), late, world.now), None);
}

#[test]
fn the_next_link_starts_what_the_current_one_counts() {
    let mut world = World::started("s");
    assert!(!world.with(|tracking, _, send| tracking.start_early(None, send)), "the session is paused");
    assert!(world.with(|tracking, _, send| tracking.start_early(Some("s"), send)));
    let id = world.last_id();
    assert!(world.tracking.is_early(Some(&id)) && !world.tracking.is_early(None));
    world.tracking.drop_early();
    assert!(!world.tracking.is_early(Some(&id)));
    world.tracking.handle_online(Some("s".to_owned()), world.now);
    assert_eq!(world.tracking.started(), Some("s"));
}
