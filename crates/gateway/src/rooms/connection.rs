//! One client's connection: one task that waits for the client, its room, the command under way and the clock, and
//! sends what the client lacks. A slow client is shown the latest.

mod access;

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{ExecuteError, Onlooker, TraceParent};
use engineioxide::Str;
use timers::{NodeId, Revision, UserId};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::Span;
use wire::rooms::{Code, Fault, Said, parse};

use crate::auth::End;
use crate::certainty;
use crate::connections::Seat;
use crate::metrics::{Dialect, Present};
use crate::node::Node;
use crate::rooms::entry::Entry;
use crate::rooms::errand::{Ack, Asking, Done};
use crate::rooms::fault::{ended, fault, taken_over};
use crate::rooms::gaze::Gaze;
use crate::rooms::membership::{Membership, Standing};
use crate::rooms::shown;
use crate::socketio::{self, Packet, Socket};
use crate::telemetry::traces::Whence;
use crate::under_way::{Finished, UnderWay, finished};
use crate::ws::Closing;

/// How soon it is looked whether there is room to send what waits: a frame of a film.
const ROOM_PAUSE: Duration = Duration::from_millis(20);

/// Pause before a member that was taken for gone comes in again.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// How long what a client said before it went is still carried out: a command's life.
const LAST_WISHES: Duration = engine::COMMAND_LIFE;

/// Longest name of an event that is told back.
const NAME_TOLD: usize = 40;

/// One client, as long as it is there.
pub(super) struct Connection {
    node: Arc<Node>,
    socket: Socket,
    gaze: Arc<Gaze>,
    seat: Seat,
    user: Option<UserId>,
    /// Ends when it is no longer believed who the client is.
    end: Pin<Box<dyn Future<Output = End> + Send>>,
    /// Since when the client is not let in yet; none once it is.
    outside_since: Option<Instant>,
    membership: Option<Membership>,
    under_way: Option<Box<UnderWay<Ack, Done>>>,
    names: watch::Receiver<Option<NodeId>>,
    /// It is coming in again.
    returns: bool,
    gone_since: Option<Instant>,
    present: Option<Present>,
    /// The span that it came by, if that was recorded.
    origin: Option<Box<TraceParent>>,
}

/// What a client is told behind what it lacks.
enum Last {
    Nothing,
    Packets(Vec<Str>),
    /// It has come in.
    Joined(Ack),
    /// It has driven the countdown, to this revision if anything was changed.
    State(Ack, Option<Revision>),
}

impl Connection {
    pub(super) fn new(node: Arc<Node>, socket: Socket, seat: Seat) -> Self {
        Self {
            gaze: Arc::new(Gaze::new(socket.outlet())),
            names: node.engine.presence().name(),
            node,
            socket,
            seat,
            user: None,
            end: Box::pin(pending()),
            outside_since: Some(Instant::now()),
            membership: None,
            under_way: None,
            returns: false,
            gone_since: None,
            present: None,
            origin: None,
        }
    }

    /// Serves the client until it leaves or has to.
    pub(super) async fn run(mut self) {
        let closing = self.serve().await;
        if let Some(here) = self.membership.take() {
            here.lose(&self.node);
        }
        if self.under_way.is_some() {
            // The client need not wait for it.
            let (node, mut under_way) = (Arc::clone(&self.node), self.under_way.take());
            self.node.drain.spawn(async move {
                if let Ok(Done::Entered(Ok(new)) | Done::Returned(Ok(new))) = finished(&mut under_way).await.result {
                    new.lose(&node);
                }
            });
        }
        if let Some(closing) = closing {
            tracing::debug!(?closing, "a client is closed");
            self.socket.close(closing).await;
        }
    }

    /// Returns why it is to be closed; `None` if it is gone.
    async fn serve(&mut self) -> Option<Closing> {
        let mut closing = Box::pin(self.node.drain.turn());
        let mut uncertain = Box::pin(certainty::uncertain(self.node.engine.certainty(), false));
        let mut sent_away = Box::pin(self.seat.sent_away());
        let outside_max = self.node.settings.limits.request_within;
        loop {
            let is_idle = self.under_way.is_none();
            let waits = !self.gaze.seen().outbox.is_empty();
            let later = self.wakes_in(waits, outside_max);
            tokio::select! {
                biased;
                advice = &mut closing, if is_idle => return Some(Closing::Restarting(advice)),
                () = &mut sent_away => return Some(self.send_away(Closing::Forbidden)),
                end = &mut self.end => return Some(self.send_away(end.into())),
                done = finished(&mut self.under_way) => {
                    if let Err(closing) = self.settle(done) {
                        return Some(closing);
                    }
                }
                () = self.gaze.behind() => self.show(Last::Nothing),
                _ = self.names.changed() => {}
                told = &mut uncertain => {
                    uncertain.set(certainty::uncertain(told, true));
                    self.fail(None, &Fault::new(Code::Unavailable, "the time shown is not certain"));
                }
                packet = self.socket.next(), if is_idle && !waits => {
                    if let Err(closing) = self.take_in(packet?) {
                        return Some(closing);
                    }
                }
                () = sleep(later.unwrap_or_default()), if later.is_some() => self.show(Last::Nothing),
            }
            if self.outside_since.is_some_and(|since| since.elapsed() > outside_max) {
                return Some(Closing::Protocol);
            }
            if self.gaze.seen().outbox.is_stuck() {
                return Some(Closing::TooSlow);
            }
            if self.socket.is_closed() && self.gone_since.get_or_insert_with(Instant::now).elapsed() > LAST_WISHES {
                return None;
            }
            self.stand();
        }
    }

    /// Returns when it is to look again although nothing has happened.
    fn wakes_in(&self, waits: bool, outside_max: Duration) -> Option<Duration> {
        let room = waits.then_some(ROOM_PAUSE);
        let outside = self.outside_since.map(|since| (since + outside_max).saturating_duration_since(Instant::now()));
        let again = self.membership.as_ref().filter(|_| self.under_way.is_none()).and_then(|here| here.come_again_at);
        let again = again.map(|at| at.saturating_duration_since(Instant::now()));
        [room, outside.map(|rest| rest + ROOM_PAUSE), again].into_iter().flatten().min()
    }

    fn take_in(&mut self, packet: Packet) -> Result<(), Closing> {
        match packet {
            Packet::ConnectElsewhere(namespace) => {
                self.say(socketio::refused(Some(namespace), "Invalid namespace"));
                Ok(())
            }
            Packet::Connect(credentials) if self.outside_since.is_some() => {
                self.identify(credentials.as_deref());
                Ok(())
            }
            Packet::Connect(_) => Err(Closing::Protocol),
            // Nothing else is understood before.
            _ if self.outside_since.is_some() => Err(Closing::Protocol),
            Packet::Disconnect => {
                if let Some(here) = self.membership.take() {
                    here.leave(&self.node);
                }
                self.is_nobody();
                Ok(())
            }
            Packet::Event { name, payload, ack } => {
                match parse(&name, payload.as_deref()) {
                    Some(Ok(said)) => self.begin(ack, &name, said),
                    Some(Err(fault)) => self.fail(ack, &fault),
                    None => {
                        let told: String = name.chars().take(NAME_TOLD).collect();
                        self.fail(ack, &Fault::new(Code::InvalidPayload, format!("there is no event {told:?}")));
                    }
                }
                Ok(())
            }
            Packet::Unreadable(why) => {
                self.fail(None, &Fault::new(Code::InvalidPayload, why));
                Ok(())
            }
        }
    }

    /// Sends on what a client asks for.
    fn begin(&mut self, ack: Ack, event: &str, Said { ask, traceparent }: Said) {
        let asking = Asking { node: &self.node, here: self.membership.as_ref(), by: self.user.as_ref() };
        let errand = match asking.errand(ask) {
            Ok(errand) => errand,
            Err(fault) => return self.fail(ack, &fault),
        };
        let whence = Whence { parent: traceparent.as_deref(), connect: self.origin.as_deref() };
        let feed = self.membership.as_ref().map(|here| &here.feed);
        let span = self.node.traces.message(whence, feed, Dialect::Rooms.name(), event);
        self.under_way = Some(Box::new(UnderWay::begin(ack, span, errand)));
    }

    /// Takes in what became of what was under way.
    fn settle(&mut self, finished: Finished<Ack, Done>) -> Result<(), Closing> {
        let Finished { asked: ack, result, span, .. } = finished;
        self.returns = false;
        let Ok(done) = result else {
            self.fail(ack, &fault(&ExecuteError::OutcomeUnknown));
            return Ok(());
        };
        match done {
            Done::Identified(found) => return self.let_in(found, &span),
            Done::Refreshed(found) => return self.go_on_as(ack, found),
            Done::Entered(Ok(new)) => {
                let (room, link) = (new.room.clone(), new.link.clone());
                if let Some(old) = self.attend(new).filter(|old| old.room != room || old.link != link) {
                    old.leave(&self.node);
                }
                self.show(Last::Joined(ack));
            }
            Done::Returned(Ok(new)) => self.come_back(new),
            Done::Returned(Err(fault)) if fault.code == Code::Unavailable => {
                if let Some(here) = &mut self.membership {
                    here.come_again_at = Some(Instant::now() + COME_AGAIN);
                }
            }
            Done::Returned(Err(fault)) => self.lose_room(&fault),
            Done::Left { room, told } => {
                // Whoever wants to go does, and the store hears of it when it can.
                if let Some(here) = self.membership.take().filter(|_| !told) {
                    here.leave(&self.node);
                }
                let answer = ack.map(|ack| socketio::ack(ack, &wire::rooms::left(&room)));
                self.show(Last::Packets(answer.into_iter().collect()));
            }
            Done::Driven(Ok(revision)) => self.show(Last::State(ack, revision)),
            Done::Entered(Err(fault)) | Done::Driven(Err(fault)) => self.fail(ack, &fault),
        }
        self.seat.is_in(self.membership.as_ref().map(|here| &here.room));
        Ok(())
    }

    /// Begins to look at a room; returns the membership before.
    fn attend(&mut self, new: Membership) -> Option<Membership> {
        let old = self.membership.replace(new);
        self.gaze.seen().begin_anew();
        if let Some(here) = &mut self.membership {
            here.feed.attend(Arc::clone(&self.gaze) as Arc<dyn Onlooker>);
        }
        old
    }

    /// Goes on as a member that others took for gone, or as a new one if they have left.
    fn come_back(&mut self, new: Membership) {
        match &mut self.membership {
            Some(here) if here.id == new.id => here.place = new.place,
            Some(_) | None => {
                self.attend(new);
                self.show(Last::Joined(None));
            }
        }
    }

    /// Sees to being a member still.
    fn stand(&mut self) {
        let Some(here) = self.membership.as_mut().filter(|_| self.under_way.is_none()) else { return };
        match here.standing() {
            Standing::Member if here.is_held(&self.node) => here.come_again_at = None,
            Standing::TakenOver => self.lose_room(&taken_over()),
            Standing::Ended => self.lose_room(&ended()),
            Standing::Member | Standing::Absent => {
                if here.come_again_at.is_some_and(|at| at > Instant::now()) {
                    return;
                }
                here.come_again_at = None;
                let entry = Entry::again(here, self.user.clone());
                self.returns = true;
                let node = Arc::clone(&self.node);
                let errand = async move { Done::Returned(entry.carry_out(node).await) };
                self.under_way = Some(Box::new(UnderWay::begin(None, Span::none(), errand)));
            }
        }
    }

    fn lose_room(&mut self, why: &Fault) {
        self.membership = None;
        self.seat.is_in(None);
        self.fail(None, why);
    }

    /// Tells why something had no effect, as an event and as the answer.
    fn fail(&mut self, ack: Ack, fault: &Fault) {
        let told = shown::packet(&wire::rooms::error(fault));
        let answer = ack.map(|ack| shown::refusal(ack, fault));
        self.show(Last::Packets([told].into_iter().chain(answer).collect()));
    }

    fn say(&mut self, packet: Str) {
        self.show(Last::Packets(vec![packet]));
    }

    /// Sends what the client lacks, and then this.
    fn show(&mut self, last: Last) {
        let now = || self.node.engine.clock().now().unwrap_or_default();
        let mut seen = self.gaze.seen();
        seen.outbox.flush(&self.gaze.outlet);
        // What is not through yet is caught up with first, unless an answer waits: it must not overtake its change.
        // Who comes in again as somebody else is told so first, and not of itself.
        if let Some(here) = self.membership.as_ref().filter(|here| !self.returns || here.standing() == Standing::Member)
            && (seen.outbox.is_empty() || !matches!(last, Last::Nothing))
        {
            let greets = if let Last::Joined(ack) = last { ack } else { None };
            seen.catch_up(here, greets, now);
        }
        match last {
            Last::Nothing | Last::Joined(_) => {}
            Last::Packets(packets) => packets.into_iter().for_each(|packet| seen.say(packet)),
            Last::State(ack, revision) => {
                if let Some(here) = &self.membership {
                    seen.answer(here, ack, revision, now);
                }
            }
        }
        seen.outbox.flush(&self.gaze.outlet);
        self.node.metrics.messages_sent(Dialect::Rooms, std::mem::take(&mut seen.messages));
    }
}
