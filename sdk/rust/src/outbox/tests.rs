use super::*;

const S: Duration = Duration::from_secs(1);

/// An outbox on a link that takes what it is given.
struct World {
    outbox: Outbox<u64>,
    now: Instant,
    sent: Vec<String>,
}

impl World {
    fn online() -> Self {
        let mut world = Self { outbox: Outbox::new(Box::new(|| 1.0)), now: Instant::now(), sent: Vec::new() };
        world.with(|outbox, now, send| outbox.go_online(now, send));
        world
    }

    fn with<R>(&mut self, act: impl FnOnce(&mut Outbox<u64>, Instant, &mut dyn FnMut(&str) -> bool) -> R) -> R {
        let Self { outbox, now, sent } = self;
        act(outbox, *now, &mut |text| {
            sent.push(text.to_owned());
            true
        })
    }

    fn submit(&mut self, id: &str) -> oneshot::Receiver<Result<u64, CommandError>> {
        let (reply, answered) = oneshot::channel();
        let submission = Submission { id: id.to_owned(), text: id.to_owned(), reply };
        self.with(|outbox, now, send| outbox.submit(submission, now, send));
        answered
    }

    fn settle(&mut self, id: &str, answer: Answer<u64>) {
        self.with(|outbox, now, send| outbox.settle(id, answer, now, send));
    }

    fn advance(&mut self, by: Duration) -> bool {
        self.now += by;
        self.with(|outbox, now, send| outbox.handle_deadline(now, send))
    }

    fn take_sent(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sent)
    }
}

fn busy(retry: bool) -> Answer<u64> {
    Answer::Failed { code: ErrorCode::Busy, message: "busy".to_owned(), retry }
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
    world.with(|outbox, now, send| outbox.go_online(now, send));
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
    world.with(|outbox, now, send| outbox.go_online(now, send));
    assert_eq!(
        (first.try_recv().unwrap(), world.take_sent()),
        (Err(CommandError::OutcomeUnknown), vec!["a".to_owned(), "b".to_owned()])
    );
    world.outbox.go_offline();
    let mut third = world.submit("c");
    world.now += S * 86_401;
    world.with(|outbox, now, send| outbox.go_online(now, send));
    assert_eq!(second.try_recv().unwrap(), Err(CommandError::OutcomeUnknown));
    assert_eq!(third.try_recv().unwrap(), Err(CommandError::Expired));
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
    let mut large = world.submit(&"x".repeat(MESSAGE_BYTES_MAX + 1));
    assert_eq!(large.try_recv().unwrap(), Err(CommandError::TooLarge));
    let waiting: Vec<_> = (0..WAITING_MAX).map(|nth| world.submit(&nth.to_string())).collect();
    assert_eq!(world.submit("one more").try_recv().unwrap(), Err(CommandError::QueueFull));
    world.outbox.fail_too_large();
    assert_eq!(waiting.into_iter().next().unwrap().try_recv().unwrap(), Err(CommandError::TooLarge));
}

#[test]
fn the_end_of_a_client_tells_what_was_sent() {
    let mut world = World::online();
    let (mut first, mut second) = (world.submit("a"), world.submit("b"));
    world.outbox.fail_all(None);
    assert_eq!(first.try_recv().unwrap(), Err(CommandError::OutcomeUnknown));
    assert_eq!(second.try_recv().unwrap(), Err(CommandError::Closed));
    assert_eq!(world.outbox.deadline(), None);
}
