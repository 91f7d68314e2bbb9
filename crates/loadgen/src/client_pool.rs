//! The connections of a worker: their shared state and their actions.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until};

use crate::observations::Observations;
use crate::scenario::Work;
use crate::user::User;
use crate::work_order::Assignment;

/// An action of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ClientAction {
    /// Pause or resume; scheduled for this instant.
    Toggle(Instant),
    /// Join the room, which exists now.
    JoinRoom,
    /// Disconnect and reconnect.
    Reconnect,
    /// Stop reading.
    StopReading,
    /// Be active from now on.
    BeActive,
    /// End the session.
    EndSession,
}

/// The connections of a worker.
pub(crate) struct ClientPool {
    pub(crate) assignment: Assignment,
    /// Number of ready connections.
    pub(crate) ready: Cell<usize>,
    /// Number of awaited connections that became ready.
    pub(crate) arrived: Cell<usize>,
    observations: RefCell<Observations>,
    recording: Cell<bool>,
    users: Vec<RefCell<User>>,
    actions: RefCell<Vec<UnboundedSender<ClientAction>>>,
}

impl ClientPool {
    pub(crate) fn new(assignment: Assignment) -> Self {
        let users = assignment.count.div_ceil(assignment.scenario.devices());
        Self {
            assignment,
            ready: Cell::new(0),
            arrived: Cell::new(0),
            observations: RefCell::default(),
            recording: Cell::new(false),
            users: (0..users).map(|_| RefCell::default()).collect(),
            actions: RefCell::default(),
        }
    }

    /// Returns the user of a connection.
    pub(crate) fn user(&self, connection: usize) -> &RefCell<User> {
        &self.users[(connection - self.assignment.first) / self.assignment.scenario.devices()]
    }

    /// Records an observation while recording is active.
    pub(crate) fn record(&self, note: impl FnOnce(&mut Observations)) {
        if self.recording.get() {
            note(&mut self.observations.borrow_mut());
        }
    }

    /// Counts a failure, also while recording is inactive.
    pub(crate) fn fail(&self, reason: &impl Display) {
        self.observations.borrow_mut().counts.fail(reason);
    }

    pub(crate) fn failures(&self) -> u64 {
        self.observations.borrow().counts.failures.values().sum()
    }

    /// Adds a connection; returns its actions.
    pub(crate) fn add(&self) -> UnboundedReceiver<ClientAction> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.actions.borrow_mut().push(sender);
        receiver
    }

    /// Starts recording.
    pub(crate) fn begin(self: &Rc<Self>) {
        self.observations.take();
        self.recording.set(true);
        let Work::Mutate { devices, rate } = self.assignment.scenario.work else { return };
        let controllers = (0..self.users.len()).map(move |user| user * devices);
        match rate {
            None => controllers.for_each(|nth| self.send_action(nth, ClientAction::Toggle(Instant::now()))),
            Some(rate) if rate > 0.0 => {
                let pool = Rc::clone(self);
                let mut controllers = controllers.cycle();
                spawn_local(Rc::clone(self).at_rate(rate, move |instant| {
                    pool.send_action(controllers.next().expect("there are users"), ClientAction::Toggle(instant));
                }));
            }
            Some(_) => {}
        }
    }

    /// Tells whether a user's next mutation follows the acknowledgement of the last.
    pub(crate) fn mutates_without_pause(&self) -> bool {
        self.recording.get() && matches!(self.assignment.scenario.work, Work::Mutate { rate: None, .. })
    }

    /// Stops recording and returns the observations.
    pub(crate) fn end(&self) -> Observations {
        self.recording.set(false);
        self.observations.borrow().clone()
    }

    /// Starts the disturbance of the scenario, if it has one.
    pub(crate) fn start_work(self: &Rc<Self>) {
        let count = self.assignment.count;
        match self.assignment.scenario.work {
            Work::Idle {} | Work::Ticks { .. } | Work::Mutate { .. } | Work::Days { .. } => {}
            Work::Focus { .. } => (0..count).for_each(|nth| self.send_action(nth, ClientAction::BeActive)),
            Work::Storm {} => (0..count).for_each(|nth| self.send_action(nth, ClientAction::Reconnect)),
            Work::Slow { .. } => {
                let is_slow = |nth: &usize| self.assignment.scenario.is_slow(self.assignment.first + nth);
                (0..count).filter(is_slow).for_each(|nth| self.send_action(nth, ClientAction::StopReading));
            }
            Work::Churn { rate } => {
                let pool = Rc::clone(self);
                let mut turn = (0..count).cycle();
                spawn_local(Rc::clone(self).at_rate(rate, move |_| {
                    pool.send_action(turn.next().expect("there are connections"), ClientAction::Reconnect);
                }));
            }
        }
    }

    /// Repeats an action at this worker's share of a rate while recording is active.
    async fn at_rate(self: Rc<Self>, rate: f64, mut action: impl FnMut(Instant)) {
        let rate = rate * self.assignment.count as f64 / self.assignment.scenario.connections as f64;
        let mut next = Instant::now();
        while self.recording.get() {
            // A late action keeps its scheduled time, so that its delay is measured.
            action(next);
            next += Duration::from_secs_f64(1.0 / rate);
            sleep_until(next).await;
        }
    }

    /// Makes each connection end its session.
    pub(crate) fn end_sessions(&self) {
        (0..self.assignment.count).for_each(|nth| self.send_action(nth, ClientAction::EndSession));
    }

    /// Makes the other devices of a user join its room.
    pub(crate) fn room_created(&self, controller: usize) {
        let first = controller - self.assignment.first;
        (first + 1..first + self.assignment.scenario.devices())
            .for_each(|nth| self.send_action(nth, ClientAction::JoinRoom));
    }

    fn send_action(&self, nth: usize, action: ClientAction) {
        if let Some(connection) = self.actions.borrow().get(nth) {
            connection.send(action).ok();
        }
    }
}
