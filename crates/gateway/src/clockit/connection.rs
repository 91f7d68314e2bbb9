//! One client's connection: one task that waits for the client, the feed, the command under way and the
//! clock, and writes what the client lacks. There is no queue: a slow client is shown the latest.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use engine::{ExecuteError, Feed, Onlooker, Outcome, Request, Sight, TraceParent};
use timers::stopwatch;
use timers::{Command, CommandId, Scope};
use tokio::time::sleep_until;
use wire::clockit::{Auth, Dialect, Message, MessageId, Said, authenticated, error, parse};
use wire::{Code, Fault};

use crate::auth::{self, By, Claimed, Denied, Identity};
use crate::certainty;
use crate::clockit::gaze::Gaze;
use crate::clockit::{outcome, shown};
use crate::config::System;
use crate::connections::Seat;
use crate::metrics::{self, Present};
use crate::node::Node;
use crate::telemetry::traces::{self, Whence};
use crate::under_way::{Finished, UnderWay, finished};
use crate::ws::{Closing, Due, Gone, Incoming, Socket, Timer, frame};

/// One client, as long as it is there.
pub(crate) struct Connection {
    node: Arc<Node>,
    socket: Socket,
    feed: Feed,
    gaze: Arc<Gaze>,
    seat: Seat,
    is_guest: bool,
    /// Ends when it is no longer believed who the client is.
    end: Pin<Box<dyn Future<Output = auth::End> + Send>>,
    dialect: Dialect,
    under_way: Option<Box<UnderWay<Asked, Done>>>,
    timer: Timer,
    _present: Present,
    /// The span that it came by, if that was recorded.
    origin: Option<Box<TraceParent>>,
    /// What is to be written next; kept, so that showing something allocates nothing.
    out: Vec<Bytes>,
}

/// What a client has asked for.
enum Asked {
    Command { id: Option<MessageId>, command: stopwatch::Command },
    Auth { id: Option<MessageId> },
}

/// What became of it.
enum Done {
    Command(Result<Outcome, ExecuteError>),
    Auth(Result<Identity, Denied>),
}

/// Why a client is served no more.
enum End {
    Gone(Gone),
    /// It was a guest, and has said who it is.
    Becomes(Identity),
}

impl From<Gone> for End {
    fn from(gone: Gone) -> Self {
        Self::Gone(gone)
    }
}

/// A guest that has said who it is, and what it has.
pub(super) struct Became {
    pub(super) socket: Socket,
    pub(super) seat: Seat,
    pub(super) identity: Identity,
    pub(super) dialect: Dialect,
}

/// There is no such value.
enum Never {}

impl Connection {
    pub(crate) fn new(
        node: Arc<Node>,
        socket: Socket,
        mut feed: Feed,
        seat: Seat,
        identity: &Identity,
        dialect: Dialect,
    ) -> Self {
        let (timer, pulse) = Timer::new(node.settings.heartbeat, node.started.into());
        let gaze = Arc::new(Gaze::new(dialect, socket.line(), pulse));
        feed.attend(Arc::clone(&gaze) as Arc<dyn Onlooker>);
        let end = Box::pin(node.auth.end(identity));
        Self {
            _present: Present::new(&node.metrics, dialect, identity.by),
            origin: traces::here().map(Box::new),
            is_guest: identity.by == By::Guest,
            under_way: None,
            out: Vec::new(),
            node,
            socket,
            feed,
            gaze,
            seat,
            end,
            dialect,
            timer,
        }
    }

    /// Serves the client until it leaves or has to, or is no guest any more. Ten thousand of these are kept in memory: what is seldom is put
    /// into boxes.
    #[expect(clippy::manual_async_fn, reason = "an async function would keep room for `self` twice")]
    pub(super) fn run(mut self) -> impl Future<Output = Option<Box<Became>>> + Send {
        async move {
            let gone = match self.serve().await {
                Ok(never) => match never {},
                Err(End::Gone(gone)) => gone,
                Err(End::Becomes(identity)) => {
                    let Self { socket, seat, dialect, .. } = self;
                    return Some(Box::new(Became { socket, seat, identity, dialect }));
                }
            };
            let metrics = &self.node.metrics;
            let Gone::Close(closing) = gone else {
                metrics.broke();
                return None;
            };
            metrics.closed(&closing);
            tracing::debug!(?closing, "a socket is closed");
            Box::pin(self.socket.close(&closing)).await;
            None
        }
    }

    async fn serve(&mut self) -> Result<Never, End> {
        let mut closing = Box::pin(self.node.drain.turn());
        // What is seldom waited for in earnest stays registered from one turn to the next.
        let mut uncertain = Box::pin(certainty::uncertain(self.node.engine.certainty(), false));
        let mut sent_away = Box::pin(self.seat.sent_away());
        let mut ping = Box::pin(sleep_until(self.timer.at()));
        self.show(None).await?;
        loop {
            if ping.deadline() != self.timer.at() {
                ping.as_mut().reset(self.timer.at());
            }
            let last = tokio::select! {
                biased;
                advice = &mut closing, if self.under_way.is_none() => {
                    return Err(Gone::Close(Closing::Restarting(advice)).into());
                }
                () = &mut sent_away => return Err(Gone::Close(Closing::Forbidden).into()),
                end = &mut self.end => return Err(Gone::Close(end.into()).into()),
                done = finished(&mut self.under_way) => self.answer(done)?,
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
        let mut messages = last.iter().filter(|last| !frame::is_ping(last)).count() as u64;
        let mut progress = gaze.progress();
        let caught = feed.catch_up(&mut progress, |sight| {
            let rendered = shown::render(*dialect, &sight, now);
            if !rendered.frames.is_empty() {
                out.push(rendered.frames);
            }
            if !matches!(sight, Sight::Beat(..)) {
                messages += rendered.messages;
            }
        });
        let bytes = out.iter().map(Bytes::len).sum();
        out.extend(last);
        socket.put(out)?;
        out.clear();
        caught.written(bytes);
        node.metrics.messages_sent(*dialect, messages);
        Ok(())
    }

    /// Returns the answer, if there is one now.
    fn take_in(&mut self, incoming: Incoming) -> Option<Bytes> {
        self.timer.seen(self.gaze.pulse());
        let answer = match incoming {
            Incoming::Alive => return None,
            Incoming::Text(text) => {
                self.node.metrics.message_received(self.dialect);
                match parse(&text) {
                    Ok(Said::Message(message)) => {
                        self.begin(message);
                        return None;
                    }
                    Ok(Said::Auth(auth)) => {
                        self.begin_auth(auth);
                        return None;
                    }
                    Ok(Said::TimePing(ping)) => match self.node.engine.certain_time() {
                        Some(now) => ping.pong(now, now),
                        None => error(None, &Fault::time_uncertain()),
                    },
                    Err((id, fault)) => error(id.as_ref(), &fault),
                }
            }
            Incoming::Binary(_) => error(
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
        let span = self.node.traces.message(
            Whence { parent: message.traceparent.as_deref(), connect: self.origin.as_deref() },
            Some(&self.feed),
            metrics::Dialect::from(self.dialect).name(),
            request.command.name(),
        );
        let node = Arc::clone(&self.node);
        let asked = Asked::Command { id: message.id, command: message.command };
        let done = async move { Done::Command(node.execute(request).await) };
        self.under_way = Some(Box::new(UnderWay::begin(asked, span, done)));
    }

    fn begin_auth(&mut self, Auth { id, token }: Auth) {
        let (node, claimed) = (Arc::clone(&self.node), Claimed::default().with_token(Some(token)));
        let done = async move { Done::Auth(node.auth.identify(&claimed, System::Clockit).await) };
        let span =
            self.node.traces.message(Whence::default(), None, metrics::Dialect::from(self.dialect).name(), "auth");
        self.under_way = Some(Box::new(UnderWay::begin(Asked::Auth { id }, span, done)));
    }

    /// Returns the answer to what is done; its change is shown before.
    fn answer(&mut self, finished: Finished<Asked, Done>) -> Result<Option<Bytes>, End> {
        let Finished { asked, result, span: _span } = finished;
        self.timer.seen(self.gaze.pulse());
        let answer = match (asked, result) {
            (Asked::Auth { id }, Ok(Done::Auth(found))) => Some(self.go_on_as(id.as_ref(), found)?),
            (Asked::Auth { id }, _) => Some(error(id.as_ref(), &outcome::fault(&ExecuteError::OutcomeUnknown, true))),
            (Asked::Command { id, command }, result) => {
                let result = match result {
                    Ok(Done::Command(result)) => result,
                    Ok(Done::Auth(_)) | Err(_) => Err(ExecuteError::OutcomeUnknown),
                };
                outcome::answer(self.seat.user(), id.as_ref(), &command, &result)
            }
        };
        Ok(answer.map(|answer| frame::text(&answer)))
    }

    /// Takes a fresh token of the same person. One that is not believed changes nothing; another person's ends the
    /// connection, or one would act in the other's name.
    fn go_on_as(&mut self, id: Option<&MessageId>, found: Result<Identity, Denied>) -> Result<String, End> {
        match found {
            Ok(identity) if self.is_guest => Err(End::Becomes(identity)),
            Ok(identity) if identity.user == *self.seat.user() => {
                self.end = Box::pin(self.node.auth.end(&identity));
                Ok(authenticated(id, identity.ends_at()))
            }
            Ok(_) => Err(Gone::Close(Closing::Forbidden).into()),
            Err(denied) => {
                self.node.note_denied(&denied);
                let fault = match denied {
                    Denied::NotBelieved(_) => Fault::of_client(Code::Unauthorized, "the token is not believed"),
                    Denied::Unavailable(_) => {
                        let message = "it can't be told now whether the token is good".to_owned();
                        Fault { code: Code::Unavailable, message, retry: true }
                    }
                };
                Ok(error(id, &fault))
            }
        }
    }

    fn check_alive(&mut self) -> Result<Bytes, Gone> {
        // While a command is under way nothing is read, so nothing can be heard.
        match self.timer.goes_off(self.gaze.pulse(), self.under_way.is_none()) {
            Due::Ask => Ok(frame::ping()),
            Due::Silent => Err(Gone::Close(Closing::Silent)),
        }
    }
}
