use serde_json::Value;
use tokio::sync::oneshot;

use super::*;
use crate::error::{ConnectionError, ErrorCode, HttpError};

const S: Duration = Duration::from_secs(1);

const LIMITS: OutboxLimits = OutboxLimits {
    resend_window: Duration::from_mins(4),
    queued_max: Duration::from_hours(24),
    attempts_max: Some(5),
    response_timeout: Duration::from_secs(10),
};

/// An outbox on a link that takes what it is given.
struct World {
    outbox: Outbox<u64>,
    now: Instant,
    date: i64,
    sent: Vec<String>,
}

impl World {
    fn online() -> Self {
        let outbox = Outbox::new(LIMITS, false, Box::new(|| 1.0));
        let mut world = Self { outbox, now: Instant::now(), date: 1_000_000_000, sent: Vec::new() };
        world.with(|outbox, _| outbox.go_online());
        world
    }

    fn with<R>(&mut self, act: impl FnOnce(&mut Outbox<u64>, Instant) -> R) -> R {
        let result = act(&mut self.outbox, self.now);
        self.flush();
        result
    }

    fn flush(&mut self) {
        let present = self.present();
        let Self { outbox, now, sent, .. } = self;
        outbox.prepare(present);
        outbox.send_prepared(*now, |command| {
            sent.push(command.id.clone());
            true
        });
        for outcome in std::mem::take(&mut outbox.outcomes) {
            outcome.deliver();
        }
    }

    fn submit(&mut self, id: &str) -> oneshot::Receiver<Result<u64, CommandError>> {
        self.submit_with(id, Value::Null)
    }

    fn submit_with(&mut self, id: &str, payload: Value) -> oneshot::Receiver<Result<u64, CommandError>> {
        let (reply, answered) = oneshot::channel();
        let command = Command { id: id.to_owned(), kind: "count".to_owned(), payload };
        let present = self.present();
        self.with(|outbox, _| outbox.submit(Submission { command, reply }, present));
        answered
    }

    fn settle(&mut self, id: &str, answer: Answer<u64>) {
        self.with(|outbox, now| outbox.settle(id, answer, now));
    }

    fn present(&self) -> Present {
        Present { instant: self.now, date: self.date }
    }

    fn advance(&mut self, by: Duration) -> bool {
        self.now += by;
        self.with(|outbox, now| outbox.handle_deadline(now))
    }

    fn take_sent(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sent)
    }
}

fn busy(retry: bool) -> Answer<u64> {
    let error = CommandError::Rejected { code: ErrorCode::Busy, message: "busy".to_owned() };
    Answer::Failed { error, retry, retry_after: None }
}

#[test]
fn commands_are_sent_one_at_a_time_and_in_order() {
    let mut world = World::online();
    let (mut first, mut second) = (world.submit("a"), world.submit("b"));
    assert_eq!((world.take_sent(), world.outbox.len()), (vec!["a".to_owned()], 2));
    world.settle("b", Answer::Done(9));
    assert!(first.try_recv().is_err(), "an answer to another command is a repetition");
    world.settle("a", Answer::Done(1));
    world.settle("b", busy(false));
    assert_eq!(first.try_recv().unwrap(), Ok(1));
    assert!(matches!(second.try_recv().unwrap(), Err(CommandError::Rejected { code: ErrorCode::Busy, .. })));
    assert_eq!((world.take_sent(), world.outbox.len()), (vec!["b".to_owned()], 0));
}

#[test]
fn a_command_in_flight_is_repeated_on_the_next_link() {
    let mut world = World::online();
    let mut first = world.submit("a");
    world.outbox.go_offline();
    let _second = world.submit("b");
    assert_eq!(world.take_sent(), ["a"]);
    world.with(|outbox, _| outbox.go_online());
    world.settle("a", Answer::Done(1));
    // The repetition is answered too.
    world.settle("a", Answer::Done(1));
    assert_eq!((world.take_sent(), first.try_recv().unwrap()), (vec!["a".to_owned(), "b".to_owned()], Ok(1)));
}

#[test]
fn a_command_that_may_succeed_later_is_repeated_five_times() {
    let mut world = World::online();
    let mut first = world.submit("a");
    for pause in [2, 4, 8, 8] {
        world.settle("a", busy(true));
        world.advance(S * pause - Duration::from_millis(1));
        assert_eq!(world.take_sent().len(), 1);
        assert!(!world.advance(Duration::from_millis(1)));
    }
    world.settle("a", busy(true));
    assert!(matches!(first.try_recv().unwrap(), Err(CommandError::Rejected { code: ErrorCode::Busy, .. })));
}

#[test]
fn a_stored_command_is_repeated_for_as_long_as_the_server_remembers_it() {
    let mut world = World { outbox: Outbox::new(LIMITS, true, Box::new(|| 1.0)), ..World::online() };
    world.outbox.go_online();
    let mut first = world.submit("a");
    while first.try_recv().is_err() {
        world.settle("a", busy(true));
        world.advance(S * 8);
    }
    assert!((25..=31).contains(&world.take_sent().len()), "every eight seconds for four minutes");
}

#[test]
fn a_request_that_was_not_sent_does_not_begin_the_time_of_repetitions() {
    let unreachable = || {
        let error = CommandError::Http(HttpError::NoAnswer(ConnectionError::unreachable("no route")));
        Answer::Failed { error, retry: true, retry_after: None }
    };
    let limits = OutboxLimits { attempts_max: None, ..LIMITS };
    let mut world = World { outbox: Outbox::new(limits, false, Box::new(|| 1.0)), ..World::online() };
    world.outbox.go_online();
    let mut first = world.submit("a");
    for _ in 0..60 {
        world.settle("a", unreachable());
        world.advance(S * 8);
    }
    assert_eq!((world.take_sent().len(), first.try_recv().is_err()), (61, true));
    // One repetition could have arrived.
    world.advance(S * 10);
    for _ in 0..60 {
        world.advance(S * 8);
        world.settle("a", unreachable());
    }
    assert_eq!(first.try_recv().unwrap(), Err(CommandError::OutcomeUnknown));
}

#[test]
fn a_missing_answer_is_reported_and_the_command_repeated() {
    let mut world = World::online();
    let mut first = world.submit("a");
    assert!(!world.advance(S * 9) && world.advance(S));
    assert!(!world.advance(S * 2) && world.take_sent().len() == 2);
    for _ in 0..3 {
        assert!(world.advance(S * 10));
        world.advance(S * 8);
    }
    assert!(world.advance(S * 10));
    assert_eq!(first.try_recv().unwrap(), Err(CommandError::NoAnswer));
}

#[test]
fn a_command_that_the_server_may_have_forgotten_is_not_repeated() {
    let mut world = World::online();
    let mut first = world.submit("a");
    world.outbox.go_offline();
    let mut second = world.submit("b");
    world.now += S * 241;
    world.with(|outbox, _| outbox.go_online());
    assert_eq!(
        (first.try_recv().unwrap(), world.take_sent()),
        (Err(CommandError::OutcomeUnknown), vec!["a".to_owned(), "b".to_owned()])
    );
    world.outbox.go_offline();
    let mut third = world.submit("c");
    world.now += S * 86_401;
    world.with(|outbox, _| outbox.go_online());
    assert_eq!(second.try_recv().unwrap(), Err(CommandError::OutcomeUnknown));
    assert_eq!(third.try_recv().unwrap(), Err(CommandError::Expired));
}

#[test]
fn the_sleep_of_the_machine_counts_as_the_age_of_commands() {
    let mut world = World::online();
    let mut first = world.submit("a");
    world.outbox.go_offline();
    let mut second = world.submit("b");
    world.date += 241_000;
    world.with(|outbox, _| outbox.go_online());
    assert_eq!(first.try_recv().unwrap(), Err(CommandError::OutcomeUnknown));
    assert_eq!(world.take_sent(), ["a", "b"]);
    world.settle("b", Answer::Done(1));
    assert_eq!(second.try_recv().unwrap(), Ok(1));
    world.outbox.go_offline();
    let mut third = world.submit("c");
    world.date += 86_400_001;
    world.with(|outbox, _| outbox.go_online());
    assert_eq!(third.try_recv().unwrap(), Err(CommandError::Expired));
}

#[test]
fn a_date_that_was_set_back_ends_the_commands_that_were_sent_and_no_others() {
    for (first_sent_at, is_sent) in [(Some(2_000_000_000), false), (None, true)] {
        let mut world = World { outbox: Outbox::new(LIMITS, true, Box::new(|| 1.0)), ..World::online() };
        let command = Command { id: "a".to_owned(), kind: "count".to_owned(), payload: Value::Null };
        let stored = StoredCommand { command, created_at: 2_000_000_000, first_sent_at };
        let present = world.present();
        world.with(|outbox, _| {
            outbox.adopt(vec![stored], true, present);
            outbox.go_online();
        });
        assert_eq!(!world.take_sent().is_empty(), is_sent, "{first_sent_at:?}");
    }
}

#[test]
fn a_command_whose_caller_has_gone_is_not_sent() {
    let mut world = World::online();
    let _first = world.submit("a");
    drop(world.submit("b"));
    let _third = world.submit("c");
    world.settle("a", Answer::Done(1));
    assert_eq!(world.take_sent(), ["a", "c"]);
}

#[test]
fn what_cannot_be_sent_is_refused_at_once() {
    let mut world = World::online();
    let mut large = world.submit_with("large", "x".repeat(MESSAGE_BYTES_MAX).into());
    assert_eq!(large.try_recv().unwrap(), Err(CommandError::TooLarge));
    let waiting: Vec<_> = (0..WAITING_MAX).map(|nth| world.submit(&nth.to_string())).collect();
    assert_eq!(world.submit("one more").try_recv().unwrap(), Err(CommandError::QueueFull));
    world.with(|outbox, _| outbox.fail_too_large());
    assert_eq!(waiting.into_iter().next().unwrap().try_recv().unwrap(), Err(CommandError::TooLarge));
}

#[test]
fn the_end_of_a_client_tells_what_was_sent() {
    let mut world = World::online();
    let (mut first, mut second) = (world.submit("a"), world.submit("b"));
    world.with(|outbox, _| {
        outbox.go_offline();
        outbox.fail_all(None);
    });
    assert_eq!(first.try_recv().unwrap(), Err(CommandError::OutcomeUnknown));
    assert_eq!(second.try_recv().unwrap(), Err(CommandError::Closed));
    assert_eq!(world.outbox.deadline(), None);
}
