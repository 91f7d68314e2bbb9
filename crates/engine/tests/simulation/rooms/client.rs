//! A connected client of a room. It treats its membership as the gateway's Rooms handler does.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::{Delivery, Engine, ExecuteError, MembershipGuard, Reader, Request};
use timers::room::{Joining, Member, Room, RoomCommand, RoomRefusal};
use timers::{Board, ConnectionId, MemberId, Refusal, ResumeSecret, RoomId, Scope};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::session::{DeliveryKind, Session};
use crate::simulation::cluster::{Node, NodeTasks};
use crate::simulation::journal::VirtualClock;

/// Pause before a failed join, or a failed end of a membership, is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Pause before a command is repeated in a busy room.
const BUSY_PAUSE: Duration = Duration::from_millis(100);

/// One connection of a client to a node.
pub(crate) struct RoomClient {
    pub(crate) room: RoomId,
    pub(crate) node: String,
    pub(crate) state: Arc<Mutex<ClientState>>,
    orders: mpsc::UnboundedSender<Order>,
}

/// What the simulation has a client do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// Leave the room.
    Leave,
    /// Lose the connection.
    Disconnect,
}

/// The state of a client, as the oracles read it.
#[derive(Default)]
pub(crate) struct ClientState {
    /// The secret of the latest membership.
    pub(crate) secret: Option<ResumeSecret>,
    /// One for each `session:joined` that the client was sent.
    pub(crate) sessions: Vec<Session>,
    /// The node's name under which the client is a member; `None` while it joins.
    pub(crate) member_of: Option<timers::NodeId>,
}

/// Why a client could not join.
enum JoinFailure {
    /// The room has ended.
    NoRoom,
    Retry,
}

struct Membership {
    id: MemberId,
    connection: ConnectionId,
    guard: MembershipGuard,
    reader: Reader,
}

struct Task {
    engine: Arc<Engine>,
    tasks: NodeTasks,
    clock: VirtualClock,
    rng: fastrand::Rng,
    room: RoomId,
    resume: Option<ResumeSecret>,
    state: Arc<Mutex<ClientState>>,
}

impl RoomClient {
    /// Connects a client, which joins the room, or resumes its membership, as soon as it can.
    pub(crate) fn connect(
        node: &Node,
        room: &RoomId,
        resume: Option<ResumeSecret>,
        clock: VirtualClock,
        seed: u64,
    ) -> Self {
        let state = Arc::new(Mutex::new(ClientState { secret: resume.clone(), ..ClientState::default() }));
        let task = Task {
            engine: Arc::clone(&node.engine),
            tasks: node.tasks().clone(),
            clock,
            rng: fastrand::Rng::with_seed(seed),
            room: room.clone(),
            resume,
            state: Arc::clone(&state),
        };
        let (orders, received) = mpsc::unbounded_channel();
        node.tasks().spawn(task.run(received));
        Self { room: room.clone(), node: node.name.clone(), state, orders }
    }

    pub(crate) fn order(&self, order: Order) {
        // The task ends only with its node.
        self.orders.send(order).ok();
    }
}

impl Task {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            let mut membership = loop {
                if orders.try_recv().is_ok() {
                    return;
                }
                let connection = ConnectionId::new(&self.new_id()).unwrap();
                match self.join(connection, self.resume.clone(), false).await {
                    Ok((membership, board)) => {
                        self.begin_session(&membership, &board);
                        break membership;
                    }
                    Err(JoinFailure::NoRoom | JoinFailure::Retry) => sleep(RETRY).await, // tidy: allow: virtual time
                }
            };
            if let Some(order) = self.follow(&mut membership, &mut orders).await {
                let command = match order {
                    Order::Leave => RoomCommand::Leave(membership.connection),
                    Order::Disconnect => RoomCommand::MarkDisconnected(membership.connection),
                };
                return self.give_up(command, membership.guard);
            }
        }
    }

    /// Follows the room until an order comes, which is returned, or the membership is lost.
    async fn follow(
        &mut self,
        membership: &mut Membership,
        orders: &mut mpsc::UnboundedReceiver<Order>,
    ) -> Option<Order> {
        let mut name = self.engine.presence().name();
        let mut rejoin_at: Option<Instant> = None;
        loop {
            let is_recorded = name.borrow_and_update().as_ref() == Some(membership.guard.node());
            let status = self.record_deliveries(membership);
            match status {
                Status::Member if is_recorded => rejoin_at = None,
                Status::TakenOver | Status::RoomEnded => return None,
                Status::Member | Status::Absent if rejoin_at.is_none_or(|at| at <= Instant::now()) => {
                    rejoin_at = None;
                    match self.rejoin(membership).await {
                        Ok(()) => continue,
                        Err(JoinFailure::NoRoom) => return None,
                        Err(JoinFailure::Retry) => rejoin_at = Some(Instant::now() + RETRY),
                    }
                }
                Status::Member | Status::Absent => {}
            }
            let retry = async {
                match rejoin_at {
                    Some(at) => sleep_until(at).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                order = orders.recv() => return Some(order.unwrap_or(Order::Disconnect)),
                () = membership.reader.changed() => {}
                changed = name.changed() => changed.expect("the engine lives as long as its node's tasks"),
                () = retry => {}
            }
        }
    }

    /// Joins again after other nodes considered this one dead.
    async fn rejoin(&mut self, membership: &mut Membership) -> Result<(), JoinFailure> {
        let (new, board) = self.join(membership.connection.clone(), self.resume.clone(), true).await?;
        if new.id == membership.id {
            membership.guard = new.guard;
            self.state.lock().unwrap().member_of = Some(membership.guard.node().clone());
        } else {
            self.begin_session(&new, &board);
            *membership = new;
        }
        Ok(())
    }

    async fn join(
        &mut self,
        connection: ConnectionId,
        resume: Option<ResumeSecret>,
        is_member: bool,
    ) -> Result<(Membership, Arc<Board>), JoinFailure> {
        let scope = Scope::room(&self.room);
        let subscription = self.engine.hub().join(&scope).await.map_err(|_| JoinFailure::Retry)?;
        let mut reader = Reader::new(subscription);
        let mut board = latest(&mut reader).expect("a new reader is sent the whole view");
        let is_there = board.get::<Room>(&()).is_some();
        if is_member && !is_there {
            return Err(JoinFailure::NoRoom);
        }
        let guard = self.engine.presence().enter(&Scope::room(&self.room)).await.map_err(|_| JoinFailure::Retry)?;
        let joining = Joining {
            member: MemberId::new(&self.new_id()).unwrap(),
            secret: ResumeSecret::new(&self.new_id()).unwrap(),
            resume: resume.clone(),
            name: None,
            connection: connection.clone(),
            node: guard.node().clone(),
        };
        let command = if is_there { RoomCommand::Join(joining) } else { RoomCommand::Create(None, joining) };
        if let Err(error) = self.execute(command).await {
            if matches!(error, ExecuteError::Refused(Refusal::Room(RoomRefusal::UnknownRoom))) {
                return Err(JoinFailure::NoRoom);
            }
            if matches!(error, ExecuteError::OutcomeUnknown) && !is_member {
                self.undo(connection, resume.as_ref(), guard);
            }
            return Err(JoinFailure::Retry);
        }
        board = latest(&mut reader).unwrap_or(board);
        let Some(member) = board.all::<Member>().find(|member| member.connection == connection) else {
            if !is_member {
                self.undo(connection, resume.as_ref(), guard);
            }
            return Err(JoinFailure::Retry);
        };
        self.resume = Some(member.secret.clone());
        Ok((Membership { id: member.id.clone(), connection, guard, reader }, board))
    }

    /// Removes a member whose client was told that the join failed.
    fn undo(&mut self, connection: ConnectionId, resume: Option<&ResumeSecret>, guard: MembershipGuard) {
        let command = match resume {
            Some(_) => RoomCommand::MarkDisconnected(connection),
            None => RoomCommand::Leave(connection),
        };
        self.give_up(command, guard);
    }

    /// Executes a command that ends a membership, until the store has taken it. The guard is held meanwhile.
    fn give_up(&mut self, command: RoomCommand, guard: MembershipGuard) {
        let mut task = Self {
            engine: Arc::clone(&self.engine),
            tasks: self.tasks.clone(),
            clock: self.clock,
            rng: self.rng.fork(),
            room: self.room.clone(),
            resume: None,
            state: Arc::default(),
        };
        self.tasks.spawn(async move {
            while let Err(error) = task.execute(command.clone()).await {
                if matches!(error, ExecuteError::Refused(_) | ExecuteError::Damaged(_)) {
                    break;
                }
                sleep(RETRY.mul_f64(0.5 + task.rng.f64())).await; // tidy: allow: virtual time
            }
            drop(guard);
        });
    }

    /// Executes a command, and repeats it while the room is busy.
    async fn execute(&mut self, command: RoomCommand) -> Result<(), ExecuteError> {
        loop {
            let request = Request { scope: Scope::room(&self.room), command: command.clone().into(), id: None };
            match self.engine.execute(request).await {
                Err(ExecuteError::Busy) => sleep(BUSY_PAUSE.mul_f64(self.rng.f64())).await, // tidy: allow: virtual time
                outcome => return outcome.map(drop),
            }
        }
    }

    fn begin_session(&self, membership: &Membership, board: &Arc<Board>) {
        let mut state = self.state.lock().unwrap();
        state.secret.clone_from(&self.resume);
        state.member_of = Some(membership.guard.node().clone());
        state.sessions.push(Session::begin(&membership.id, board, self.clock.now()));
    }

    /// Records what the client is sent; returns the status of its membership in the latest view.
    fn record_deliveries(&self, membership: &mut Membership) -> Status {
        let mut state = self.state.lock().unwrap();
        let now = self.clock.now();
        let session = state.sessions.last_mut().expect("a member has a session");
        membership.reader.catch_up(|delivery| match delivery {
            Delivery::Initial(_) => panic!("a reader is sent the whole view once"),
            Delivery::Diff { old, new } => session.record(DeliveryKind::Diff, &old.board, &new.board, now),
            Delivery::Resync { old, new } => session.record(DeliveryKind::Resync, &old.board, &new.board, now),
            Delivery::Redated(_) => {}
            Delivery::Tick(view, beat) => session.record_tick(&view.board, beat),
        });
        let status = Status::of(session.board(), membership);
        if status != Status::Member {
            state.member_of = None;
        }
        status
    }

    fn new_id(&mut self) -> String {
        format!("{:016x}", self.rng.u64(..))
    }
}

/// The status of a membership on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Member,
    /// Another connection has the membership.
    TakenOver,
    /// The member is not on the board, or marked as disconnected.
    Absent,
    RoomEnded,
}

impl Status {
    fn of(board: &Board, membership: &Membership) -> Self {
        match board.get::<Member>(&membership.id) {
            Some(member) if member.connection != membership.connection => Self::TakenOver,
            Some(member) if member.disconnected_at.is_some() => Self::Absent,
            Some(_) => Self::Member,
            None if board.get::<Room>(&()).is_some() => Self::Absent,
            None => Self::RoomEnded,
        }
    }
}

/// Returns the latest view if it is new to the reader.
fn latest(reader: &mut Reader) -> Option<Arc<Board>> {
    let mut board = None;
    reader.catch_up(|delivery| match delivery {
        Delivery::Initial(view) | Delivery::Resync { new: view, .. } | Delivery::Diff { new: view, .. } => {
            board = Some(Arc::clone(&view.board));
        }
        Delivery::Redated(_) | Delivery::Tick(..) => {}
    });
    board
}
