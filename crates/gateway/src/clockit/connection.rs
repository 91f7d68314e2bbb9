//! One client's connection: one task that waits for the client, the feed, the command under way and the
//! clock, and writes what the client lacks. There is no queue: a slow client is shown the latest.

use std::sync::Arc;

use bytes::Bytes;
use engine::{ExecuteError, Feed, Onlooker, Outcome, Request};
use timers::stopwatch;
use timers::{Command, CommandId, Scope, UserId};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use wire::clockit::{Dialect, MessageId, error, parse};
use wire::{Code, Fault};

use crate::clockit::gaze::Gaze;
use crate::clockit::{outcome, shown};
use crate::node::Node;
use crate::ws::{Closing, Due, Gone, Incoming, Socket, Timer, frame};

/// Serves a client until it leaves or has to.
pub(crate) async fn run(node: &Arc<Node>, socket: Socket, mut feed: Feed, user: UserId, dialect: Dialect) {
    let (timer, pulse) = Timer::new(node.settings.heartbeat);
    let gaze = Arc::new(Gaze::new(dialect, socket.line(), pulse));
    feed.attend(Arc::clone(&gaze) as Arc<dyn Onlooker>);
    let mut connection =
        Connection { node, socket, feed, gaze, user, dialect, under_way: None, timer, out: Vec::new() };
    let gone = match connection.serve().await {
        Ok(never) => match never {},
        Err(gone) => gone,
    };
    let closing = match gone {
        Gone::Close(closing) => closing,
        Gone::Broken => {
            node.metrics.socket_closed(1006);
            return;
        }
    };
    node.metrics.socket_closed(closing.code());
    tracing::debug!(?closing, "a socket is closed");
    connection.socket.close(&closing).await;
}

struct Connection<'n> {
    node: &'n Arc<Node>,
    socket: Socket,
    feed: Feed,
    gaze: Arc<Gaze>,
    user: UserId,
    dialect: Dialect,
    under_way: Option<UnderWay>,
    timer: Timer,
    /// What is to be written next; kept, so that a tick allocates nothing.
    out: Vec<Bytes>,
}

/// A command that was sent on. No other message is read before it is answered: that is what holds a
/// flooding client back.
struct UnderWay {
    id: Option<MessageId>,
    command: stopwatch::Command,
    since: Instant,
    task: JoinHandle<Result<Outcome, ExecuteError>>,
}

/// There is no such value.
enum Never {}

impl Connection<'_> {
    async fn serve(&mut self) -> Result<Never, Gone> {
        let mut closing = Box::pin(self.node.drain.turn());
        // What is seldom waited for in earnest stays registered from one turn to the next.
        let mut uncertain = Box::pin(uncertain(self.node.engine.certainty(), false));
        let mut ping = Box::pin(sleep_until(self.timer.at()));
        self.show().await?;
        loop {
            if ping.deadline() != self.timer.at() {
                ping.as_mut().reset(self.timer.at());
            }
            tokio::select! {
                biased;
                advice = &mut closing, if self.under_way.is_none() => {
                    return Err(Gone::Close(Closing::Restarting(advice)));
                }
                done = finished(&mut self.under_way) => self.answer(done).await?,
                () = self.gaze.behind() => self.show().await?,
                told = &mut uncertain => {
                    uncertain.set(self::uncertain(told, true));
                    self.say(&error(None, &Fault::time_uncertain())).await?;
                }
                incoming = self.socket.next(), if self.under_way.is_none() => {
                    self.timer.seen(self.gaze.pulse());
                    match incoming? {
                        Incoming::Text(text) => self.message(&text).await?,
                        Incoming::Binary => self.refuse_binary().await?,
                        Incoming::Alive => self.socket.flush().await?,
                    }
                }
                () = &mut ping => self.check_alive().await?,
            }
        }
    }

    /// Writes what the client lacks.
    async fn show(&mut self) -> Result<(), Gone> {
        self.show_and(None).await
    }

    /// Writes what the client lacks, and then this.
    async fn show_and(&mut self, last: Option<Bytes>) -> Result<(), Gone> {
        {
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
        }
        self.socket.flush().await
    }

    async fn message(&mut self, text: &str) -> Result<(), Gone> {
        self.node.metrics.message_received();
        let message = match parse(text) {
            Ok(message) => message,
            Err((id, fault)) => return self.say(&error(id.as_ref(), &fault)).await,
        };
        let command = Command::Stopwatch(message.command.clone());
        let request = Request {
            scope: Scope::User(self.user.clone()),
            id: message.id.as_ref().map(|id| CommandId::of(id.as_json(), &command)),
            command,
            by: Some(self.user.clone()),
        };
        let engine = Arc::clone(&self.node.engine);
        // A task of its own: a client that leaves must not tear a command in two.
        let task = tokio::spawn(async move { engine.execute(request).await });
        self.under_way = Some(UnderWay { id: message.id, command: message.command, since: Instant::now(), task });
        Ok(())
    }

    /// Shows the change first, then answers.
    async fn answer(&mut self, done: (UnderWay, Result<Outcome, ExecuteError>)) -> Result<(), Gone> {
        let (asked, result) = done;
        self.node.metrics.command_done(asked.since.elapsed(), outcome::name(&result));
        self.timer.seen(self.gaze.pulse());
        let answer = outcome::answer(&self.user, asked.id.as_ref(), &asked.command, &result);
        self.show_and(answer.map(|text| frame::text(&text))).await
    }

    async fn refuse_binary(&mut self) -> Result<(), Gone> {
        let fault = Fault::of_client(Code::InvalidMessage, "messages are JSON in text frames, not binary ones");
        self.say(&error(None, &fault)).await
    }

    async fn say(&mut self, text: &str) -> Result<(), Gone> {
        self.socket.put(&[frame::text(text)])?;
        self.socket.flush().await
    }

    async fn check_alive(&mut self) -> Result<(), Gone> {
        // While a command is under way nothing is read, so nothing can be heard.
        match self.timer.goes_off(self.gaze.pulse(), self.under_way.is_none()) {
            Due::Ask => self.socket.ping().await,
            Due::Silent => Err(Gone::Close(Closing::Silent)),
        }
    }
}

/// Waits until the time is not certain; `again` if that was told before. Once it is certain again, ticks say so.
async fn uncertain(mut certainty: watch::Receiver<bool>, again: bool) -> watch::Receiver<bool> {
    // Its sender lives as long as the node.
    if again && certainty.wait_for(|certain| *certain).await.is_err() {
        return std::future::pending().await;
    }
    match certainty.wait_for(|certain| !certain).await.map(drop) {
        Ok(()) => certainty,
        Err(_) => std::future::pending().await,
    }
}

/// Waits for the command under way; for ever if there is none. Cancel-safe.
async fn finished(under_way: &mut Option<UnderWay>) -> (UnderWay, Result<Outcome, ExecuteError>) {
    let Some(waiting) = under_way else { return std::future::pending().await };
    let result = (&mut waiting.task).await;
    let result = result.unwrap_or_else(|error| {
        tracing::error!(%error, "a command panicked");
        Err(ExecuteError::OutcomeUnknown)
    });
    match under_way.take() {
        Some(asked) => (asked, result),
        None => std::future::pending().await,
    }
}
