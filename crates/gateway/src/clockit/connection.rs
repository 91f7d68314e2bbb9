//! One client's connection: one task that waits for the client, the feed, the command under way and the
//! clock, and writes what the client lacks. There is no queue: a slow client is shown the latest.

use std::sync::Arc;

use bytes::Bytes;
use engine::{ExecuteError, Feed, Onlooker, Outcome, Request};
use timers::stopwatch;
use timers::{Command, CommandId, Scope};
use tokio::time::sleep_until;
use wire::clockit::{Dialect, Message, MessageId, Said, error, parse};
use wire::{Code, Fault};

use crate::certainty;
use crate::clockit::gaze::Gaze;
use crate::clockit::{outcome, shown};
use crate::connections::Seat;
use crate::node::Node;
use crate::under_way::{Finished, UnderWay, finished};
use crate::ws::{Closing, Due, Gone, Incoming, Socket, Timer, frame};

/// One client, as long as it is there.
pub(crate) struct Connection {
    node: Arc<Node>,
    socket: Socket,
    feed: Feed,
    gaze: Arc<Gaze>,
    seat: Seat,
    dialect: Dialect,
    under_way: Option<Box<UnderWay<Asked, Done>>>,
    timer: Timer,
    /// What is to be written next; kept, so that showing something allocates nothing.
    out: Vec<Bytes>,
}

/// What a client has asked for.
struct Asked {
    id: Option<MessageId>,
    command: stopwatch::Command,
}

/// What became of it.
type Done = Result<Outcome, ExecuteError>;

/// There is no such value.
enum Never {}

impl Connection {
    pub(crate) fn new(node: Arc<Node>, socket: Socket, mut feed: Feed, seat: Seat, dialect: Dialect) -> Self {
        let (timer, pulse) = Timer::new(node.settings.heartbeat, node.started.into());
        let gaze = Arc::new(Gaze::new(dialect, socket.line(), pulse));
        feed.attend(Arc::clone(&gaze) as Arc<dyn Onlooker>);
        Self { node, socket, feed, gaze, seat, dialect, under_way: None, timer, out: Vec::new() }
    }

    /// Serves the client until it leaves or has to. Ten thousand of these are kept in memory: what is seldom is put
    /// into boxes.
    #[expect(clippy::manual_async_fn, reason = "an async function would keep room for `self` twice")]
    pub(crate) fn run(mut self) -> impl Future<Output = ()> + Send {
        async move {
            let gone = match self.serve().await {
                Ok(never) => match never {},
                Err(gone) => gone,
            };
            let metrics = &self.node.metrics;
            let Gone::Close(closing) = gone else { return metrics.socket_closed(1006) };
            metrics.socket_closed(closing.code());
            tracing::debug!(?closing, "a socket is closed");
            Box::pin(self.socket.close(&closing)).await;
        }
    }

    async fn serve(&mut self) -> Result<Never, Gone> {
        let mut closing = Box::pin(self.node.drain.turn());
        // What is seldom waited for in earnest stays registered from one turn to the next.
        let mut uncertain = Box::pin(certainty::uncertain(self.node.engine.certainty(), false));
        let mut ping = Box::pin(sleep_until(self.timer.at()));
        self.show(None).await?;
        loop {
            if ping.deadline() != self.timer.at() {
                ping.as_mut().reset(self.timer.at());
            }
            let last = tokio::select! {
                biased;
                advice = &mut closing, if self.under_way.is_none() => {
                    return Err(Gone::Close(Closing::Restarting(advice)));
                }
                done = finished(&mut self.under_way) => self.answer(done),
                () = self.gaze.behind() => None,
                told = &mut uncertain => {
                    uncertain.set(certainty::uncertain(told, true));
                    Some(frame::text(&error(None, &Fault::time_uncertain())))
                }
                incoming = self.socket.next(), if self.under_way.is_none() => self.take_in(incoming?),
                () = &mut ping => {
                    let asks = self.check_alive()?;
                    self.show(Some(asks)).await?;
                    self.timer.asked();
                    continue;
                }
            };
            self.show(last).await?;
        }
    }

    /// Writes what the client lacks, and then this.
    async fn show(&mut self, last: Option<Bytes>) -> Result<(), Gone> {
        self.put(last)?;
        self.socket.flush().await
    }

    fn put(&mut self, last: Option<Bytes>) -> Result<(), Gone> {
        let Self { node, socket, feed, gaze, out, dialect, .. } = self;
        let now = || node.engine.clock().now().unwrap_or_default();
        let mut progress = gaze.progress();
        progress.catch_up(feed.shown(), feed.last_beat(), |sight| {
            let frames = shown::render(*dialect, &sight, now);
            if !frames.is_empty() {
                out.push(frames);
            }
        });
        out.extend(last);
        socket.put(out)?;
        out.clear();
        Ok(())
    }

    /// Returns the answer, if there is one now.
    fn take_in(&mut self, incoming: Incoming) -> Option<Bytes> {
        self.timer.seen(self.gaze.pulse());
        let answer = match incoming {
            Incoming::Alive => return None,
            Incoming::Text(text) => {
                self.node.metrics.message_received();
                match parse(&text) {
                    Ok(Said::Message(message)) => {
                        self.begin(message);
                        return None;
                    }
                    Ok(Said::TimePing(ping)) => match self.node.engine.certain_time() {
                        Some(now) => ping.pong(now, now),
                        None => error(None, &Fault::time_uncertain()),
                    },
                    Err((id, fault)) => error(id.as_ref(), &fault),
                }
            }
            Incoming::Binary => error(
                None,
                &Fault::of_client(Code::InvalidMessage, "messages are JSON in text frames, not binary ones"),
            ),
        };
        Some(frame::text(&answer))
    }

    fn begin(&mut self, message: Message) {
        let command = Command::Stopwatch(message.command.clone());
        let user = self.seat.user();
        let request = Request {
            scope: Scope::User(user.clone()),
            id: message.id.as_ref().map(|id| CommandId::of(id.as_json(), &command)),
            command,
            by: Some(user.clone()),
        };
        let engine = Arc::clone(&self.node.engine);
        let asked = Asked { id: message.id, command: message.command };
        self.under_way = Some(Box::new(UnderWay::begin(asked, async move { engine.execute(request).await })));
    }

    /// Returns the answer to a command that is done; its change is shown before.
    fn answer(&mut self, Finished { asked, took, result }: Finished<Asked, Done>) -> Option<Bytes> {
        let result = result.unwrap_or(Err(ExecuteError::OutcomeUnknown));
        self.node.metrics.command_done(took, &result);
        self.timer.seen(self.gaze.pulse());
        let answer = outcome::answer(self.seat.user(), asked.id.as_ref(), &asked.command, &result)?;
        Some(frame::text(&answer))
    }

    fn check_alive(&mut self) -> Result<Bytes, Gone> {
        // While a command is under way nothing is read, so nothing can be heard.
        match self.timer.goes_off(self.gaze.pulse(), self.under_way.is_none()) {
            Due::Ask => Ok(frame::ping()),
            Due::Silent => Err(Gone::Close(Closing::Silent)),
        }
    }
}
