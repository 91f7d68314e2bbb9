//! The connections of a process together: what they share, and what all of them are made to do.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until};

use crate::order::Share;
use crate::scenario::Work;
use crate::seen::Seen;
use crate::user::User;

/// What is wanted of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    /// Pause or resume; it should have been done at this instant.
    Toggle(Instant),
    /// Come into the room, which is there now.
    Enter,
    /// Break, and come back.
    ComeAgain,
    /// Read no more.
    StopReading,
}

/// The connections of a process.
pub(crate) struct Crowd {
    pub(crate) share: Share,
    /// Those who are where they should be.
    pub(crate) ready: Cell<usize>,
    /// How often one came that was waited for.
    pub(crate) arrived: Cell<usize>,
    seen: RefCell<Seen>,
    counts: Cell<bool>,
    users: Vec<RefCell<User>>,
    deeds: RefCell<Vec<UnboundedSender<Deed>>>,
}

impl Crowd {
    pub(crate) fn new(share: Share) -> Self {
        let users = share.count.div_ceil(share.scenario.devices());
        Self {
            share,
            ready: Cell::new(0),
            arrived: Cell::new(0),
            seen: RefCell::default(),
            counts: Cell::new(false),
            users: (0..users).map(|_| RefCell::default()).collect(),
            deeds: RefCell::default(),
        }
    }

    /// Returns the user of a connection.
    pub(crate) fn user(&self, connection: usize) -> &RefCell<User> {
        &self.users[(connection - self.share.first) / self.share.scenario.devices()]
    }

    /// Counts something that was seen, if it counts now.
    pub(crate) fn note(&self, note: impl FnOnce(&mut Seen)) {
        if self.counts.get() {
            note(&mut self.seen.borrow_mut());
        }
    }

    /// Counts a failure, also while connections are made.
    pub(crate) fn fail(&self, why: &impl Display) {
        self.seen.borrow_mut().counts.fail(why);
    }

    pub(crate) fn failures(&self) -> u64 {
        self.seen.borrow().counts.failures.values().sum()
    }

    /// Adds a connection; returns what will be wanted of it.
    pub(crate) fn add_one(&self) -> UnboundedReceiver<Deed> {
        let (sender, wanted) = mpsc::unbounded_channel();
        self.deeds.borrow_mut().push(sender);
        wanted
    }

    /// Begins to count.
    pub(crate) fn begin(self: &Rc<Self>) {
        self.seen.take();
        self.counts.set(true);
        if let Work::Mutate { devices, rate } = self.share.scenario.work
            && rate > 0.0
        {
            let crowd = Rc::clone(self);
            let mut hands = (0..self.users.len()).map(move |user| user * devices).cycle();
            spawn_local(Rc::clone(self).at_rate(rate, move |instant| {
                crowd.want(hands.next().expect("there are users"), Deed::Toggle(instant));
            }));
        }
    }

    /// Ends to count, and returns what was seen.
    pub(crate) fn end(&self) -> Seen {
        self.counts.set(false);
        self.seen.borrow().clone()
    }

    /// Does what the scenario is about, if it is more than to be there.
    pub(crate) fn act(self: &Rc<Self>) {
        let count = self.share.count;
        match self.share.scenario.work {
            Work::Idle {} | Work::Ticks { .. } | Work::Mutate { .. } => {}
            Work::Storm {} => (0..count).for_each(|nth| self.want(nth, Deed::ComeAgain)),
            Work::Slow { .. } => {
                let is_slow = |nth: &usize| self.share.scenario.is_slow(self.share.first + nth);
                (0..count).filter(is_slow).for_each(|nth| self.want(nth, Deed::StopReading));
            }
            Work::Churn { rate } => {
                let crowd = Rc::clone(self);
                let mut turn = (0..count).cycle();
                spawn_local(Rc::clone(self).at_rate(rate, move |_| {
                    crowd.want(turn.next().expect("there are connections"), Deed::ComeAgain);
                }));
            }
        }
    }

    /// Does something at this process's share of a rate, as long as it counts.
    async fn at_rate(self: Rc<Self>, rate: f64, mut deed: impl FnMut(Instant)) {
        let rate = rate * self.share.count as f64 / self.share.scenario.connections as f64;
        let mut next = Instant::now();
        while self.counts.get() {
            // What could not be done in time is done late, and its lateness counts.
            deed(next);
            next += Duration::from_secs_f64(1.0 / rate);
            sleep_until(next).await;
        }
    }

    /// Tells the other devices of a user that its room is there.
    pub(crate) fn room_is_there(&self, hand: usize) {
        let first = hand - self.share.first;
        (first + 1..first + self.share.scenario.devices()).for_each(|nth| self.want(nth, Deed::Enter));
    }

    fn want(&self, nth: usize, deed: Deed) {
        if let Some(connection) = self.deeds.borrow().get(nth) {
            connection.send(deed).ok();
        }
    }
}
