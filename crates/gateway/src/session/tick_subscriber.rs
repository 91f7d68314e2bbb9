//! What a client has been sent, for its own task and for the task that fans beats out.

use std::sync::Arc;

use engine::{Backlog, DeliveryState, Subscriber, TickContext, TickDelivery};
use net::websocket::{Heartbeat, SocketWriter, WriteResult, frame};
use parking_lot::{Mutex, MutexGuard};

use crate::session::connection_signals::{ConnectionSignal, ConnectionSignals};
use crate::session::render::ClientView;

/// Writes the ticks of one client.
pub(crate) struct TickSubscriber<V> {
    writer: Arc<SocketWriter>,
    heartbeat: Heartbeat,
    state: Mutex<ClientState<V>>,
    /// Wakes the client's own task.
    signals: Arc<ConnectionSignals>,
}

/// What a client has been sent, and how it is shown the rest.
pub(crate) struct ClientState<V> {
    pub(crate) delivered: DeliveryState,
    pub(crate) view: V,
}

impl<V: ClientView> TickSubscriber<V> {
    pub(crate) fn new(
        writer: Arc<SocketWriter>,
        heartbeat: Heartbeat,
        view: V,
        signals: Arc<ConnectionSignals>,
    ) -> Self {
        let state = Mutex::new(ClientState { delivered: DeliveryState::default(), view });
        Self { writer, heartbeat, state, signals }
    }

    /// Returns the client's heartbeat.
    pub(crate) fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }

    /// Locks what the client has been sent. The caller writes before it releases the lock.
    pub(crate) fn state(&self) -> MutexGuard<'_, ClientState<V>> {
        self.state.lock()
    }

    fn offer(&self, ticks: &[u8]) -> TickDelivery {
        let has_ping = self.heartbeat.count_tick();
        let written = if has_ping {
            self.heartbeat.set_ping_pending(true);
            self.writer.offer(&[ticks, &frame::ping()].concat())
        } else {
            self.writer.offer(ticks)
        };
        match written {
            WriteResult::Written => TickDelivery::Written,
            WriteResult::InFlight => TickDelivery::PartlyWritten,
            WriteResult::Refused => {
                if has_ping {
                    self.heartbeat.set_ping_pending(false);
                }
                TickDelivery::Deferred
            }
        }
    }
}

impl<V: ClientView> Subscriber for TickSubscriber<V> {
    /// Writes the ticks of a beat if the client lacks nothing else and the kernel takes them.
    fn on_tick(&self, context: &mut TickContext) -> TickDelivery {
        // The client's own task is writing, and may have looked before this beat.
        let Some(mut state) = self.state.try_lock() else { return TickDelivery::Deferred };
        let ClientState { delivered, view } = &mut *state;
        let beat = context.beat();
        match delivered.backlog(context.view(), beat) {
            Backlog::None => TickDelivery::Nothing,
            Backlog::More => TickDelivery::Deferred,
            Backlog::LatestBeat => {
                let ticks = view.latest_ticks(context);
                let delivery = if ticks.is_empty() { TickDelivery::Nothing } else { self.offer(ticks) };
                if delivery != TickDelivery::Deferred {
                    delivered.mark_delivered(beat);
                }
                delivery
            }
        }
    }

    fn notify(&self) {
        self.signals.send(ConnectionSignal::Deliverable);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::Router;
    use axum::extract::Request as HttpRequest;
    use axum::routing::get;
    use bytes::Bytes;
    use engine::store::Connected;
    use engine::{Delivery, Dependencies, Engine, MemoryStore, Options, Request, StoreClock, Subscription, View};
    use futures_util::StreamExt;
    use net::limits::{ConnectionLimits, SignalTexts};
    use net::server::{HttpOptions, serve};
    use net::websocket::{HeartbeatOptions, HeartbeatTimer, WebSocket, accept};
    use timers::stopwatch::{Start, Stopwatch, StopwatchCommand};
    use timers::{Beat, Scope, SessionId, Timestamp, UserId};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::mpsc;
    use tokio::time::timeout;
    use tokio_tungstenite::client_async;
    use tokio_tungstenite::tungstenite::Message;
    use wire::Dialect;
    use wire::clockit::Seed;

    use super::*;
    use crate::session::render::{Rendered, WholeBoard, frames};

    const WITHIN: Duration = Duration::from_secs(30);

    type Client = tokio_tungstenite::WebSocketStream<TcpStream>;

    /// Shows the ticks of one session, and nothing else.
    #[derive(Default)]
    struct Selected {
        session: Option<SessionId>,
        ticks: Vec<u8>,
    }

    impl Selected {
        fn tick(&self, view: &View, beat: Beat) -> Option<String> {
            let id = self.session.as_ref()?;
            let session = view.dated().get::<Stopwatch>(id)?;
            Some(format!("{id} {}", session.tick_at(view.dated_beat(beat))?.0))
        }
    }

    impl ClientView for Selected {
        const DIALECT: &'static str = Seed::NAME;

        fn render(&mut self, delivery: &Delivery<'_>, _: impl Fn() -> Timestamp) -> Rendered {
            let Delivery::Tick(view, beat) = *delivery else { return Rendered::default() };
            let tick = self.tick(view, beat);
            frames(|frames| tick.iter().for_each(|tick| frames.push_text(tick)))
        }

        fn latest_ticks<'t>(&'t mut self, context: &'t mut TickContext) -> &'t [u8] {
            self.ticks.clear();
            if let Some(tick) = self.tick(context.view(), context.beat()) {
                frame::put_text(&mut self.ticks, &tick);
            }
            &self.ticks
        }
    }

    /// Opens a socket; returns both ends.
    async fn socket() -> (WebSocket, Client) {
        let (sender, mut accepted) = mpsc::unbounded_channel();
        let limits = ConnectionLimits {
            messages_per_second: 1,
            message_burst: 1,
            message_bytes: 1000,
            signals: SignalTexts::NONE,
        };
        let route = move |request: HttpRequest| {
            let sender = sender.clone();
            let served = move |socket| async move { sender.send(socket).unwrap() };
            async move { accept(request, &limits, |task| drop(tokio::spawn(task)), served) }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let options = HttpOptions { timeout: WITHIN, keep_alive: WITHIN, head_bytes: 8192, acceptor: None };
        tokio::spawn(serve(listener, Router::new().route("/", get(route)), options, std::future::pending()));
        let tcp = TcpStream::connect(address).await.unwrap();
        let (client, _) = client_async(format!("ws://{address}/"), tcp).await.unwrap();
        (timeout(WITHIN, accepted.recv()).await.unwrap().unwrap(), client)
    }

    /// Subscribes a socket, and serves it until the test ends.
    fn attach<V: ClientView>(mut socket: WebSocket, mut subscription: Subscription, view: V) -> Arc<TickSubscriber<V>> {
        let intervals = HeartbeatOptions { every: WITHIN, within: WITHIN };
        let (_, heartbeat) = HeartbeatTimer::new(intervals, tokio::time::Instant::now());
        let signals = Arc::<ConnectionSignals>::default();
        let subscriber = Arc::new(TickSubscriber::new(socket.writer(), heartbeat, view, Arc::clone(&signals)));
        subscription.subscribe(Arc::clone(&subscriber) as Arc<dyn Subscriber>);
        let of_task = Arc::clone(&subscriber);
        tokio::spawn(async move {
            loop {
                {
                    let mut out: Vec<Bytes> = Vec::new();
                    let mut state = of_task.state();
                    let ClientState { delivered, view } = &mut *state;
                    let show = |delivery: Delivery<'_>| out.push(view.render(&delivery, Timestamp::default).frames);
                    subscription.catch_up(delivered, show).written(0);
                    socket.write(&out).unwrap();
                }
                socket.flush().await.unwrap();
                signals.receive().await;
            }
        });
        subscriber
    }

    async fn next(client: &mut Client) -> String {
        let received = timeout(WITHIN, client.next()).await.expect("a frame in time").unwrap().unwrap();
        let Message::Text(text) = received else { panic!("{received:?}") };
        text.to_string()
    }

    fn start(session: &str) -> StopwatchCommand {
        StopwatchCommand::Start(Start {
            session: Some(SessionId::new(session).unwrap()),
            label: "x".to_owned(),
            goals: None,
            group_id: None,
            group_name: None,
            comment: None,
        })
    }

    #[tokio::test]
    async fn a_client_is_shown_the_ticks_of_what_it_has_selected_and_others_are_shown_all() {
        let clock = StoreClock::new();
        let connected = MemoryStore::new(move || clock.now()).connect();
        let connected = Connected { store: connected.store as _, signals: connected.signals };
        let engine = Engine::start(connected, Options::new("n"), Dependencies::default());
        let scope = Scope::user(&UserId::new("ann").unwrap());
        for session in ["a", "b"] {
            let command = start(session).into();
            engine.execute(Request { scope: scope.clone(), command, id: None }).await.unwrap();
        }
        let ((one, mut selecting), (two, mut seeing_all)) = (socket().await, socket().await);
        let join = async || engine.hub().join(&scope).await.unwrap();
        let subscriber = attach(one, join().await, Selected::default());
        attach(two, join().await, WholeBoard::<Seed>::default());

        let mut seen = [0, 0];
        while seen.iter().any(|ticks| *ticks < 2) {
            let text = next(&mut seeing_all).await;
            for (nth, id) in ["\"sessionId\":\"a\"", "\"sessionId\":\"b\""].iter().enumerate() {
                seen[nth] += usize::from(text.contains("\"tick\"") && text.contains(id));
            }
        }
        subscriber.state().view.session = Some(SessionId::new("b").unwrap());
        let first = next(&mut selecting).await;
        assert!(first.starts_with("b "), "nothing was shown before: {first}");
        subscriber.state().view.session = Some(SessionId::new("a").unwrap());
        let mut of_a = Vec::new();
        while of_a.len() < 3 {
            let tick = next(&mut selecting).await;
            match tick.strip_prefix("a ") {
                Some(elapsed) => of_a.push(elapsed.parse::<u64>().unwrap()),
                // It was written before the selection changed.
                None => assert!(of_a.is_empty(), "{tick} after {of_a:?}"),
            }
        }
        let differences = of_a.array_windows().map(|[before, after]| after - before);
        assert!(differences.into_iter().all(|by| by > 0 && by % 1000 == 0), "{of_a:?}");
        engine.stop().await;
    }
}
