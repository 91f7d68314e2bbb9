//! `tickcast serve`: from settings to a running node, and to its end.

use std::future::pending;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use engine::store::Connected;
use engine::{Engine, MemoryStore, Options, Seams, Store, StoreClock};
use store::embedded::EmbeddedStore;
use store::redis::{self, RedisStore};
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::addresses::Addresses;
use crate::auth::Auth;
use crate::config::{Settings, StoreUrl};
use crate::connections::Connections;
use crate::drain::{Asked, Drain};
use crate::exile;
use crate::http::entrance::Entrance;
use crate::http::server::Manners;
use crate::http::tls::Certificate;
use crate::http::{internal, public, server};
use crate::metrics::{self, Metrics, Timings};
use crate::node::Node;
use crate::telemetry::Telemetry;
use crate::watch::Watch;

/// Connections that wait to be accepted, so that a storm of reconnects is not turned away by the kernel.
const BACKLOG: u32 = 4096;

/// How long requests that came before the end may take: a command's life, and a little.
const LAST_ANSWERS: Duration = Duration::from_secs(6);

/// What the kernel keeps for a client that does not read: some minutes of ticks.
const SEND_BUFFER_BYTES: u32 = 64 * 1024;

/// A node that serves no more.
pub(crate) struct Served {
    /// Figures are read of it until the last were sent.
    _node: Arc<Node>,
    /// It was told to stop twice.
    pub(crate) at_once: bool,
}

/// Runs a node until it is told to stop.
pub(crate) async fn serve(settings: Settings, telemetry: &Telemetry) -> Result<Served> {
    let public_listener = listen(settings.public.listen, "public.listen")?;
    let internal_listener = listen(settings.internal_listen, "internal.listen")?;
    let mut signals = Signals::new()?;
    let node = start(settings, telemetry)?;
    let public_manners = public_manners(&node)?;
    greet(&node, public_listener.local_addr()?);

    let internal_manners = Manners { entrance: None, ..public_manners.clone() };
    let internal_routes = internal::routes(Arc::clone(&node));
    let internal_server = tokio::spawn(server::serve(internal_listener, internal_routes, internal_manners, pending()));
    let exile = tokio::spawn(exile::watch(Arc::clone(&node)));
    let of_public = Arc::clone(&node);
    let mut public_server = tokio::spawn(async move {
        let routes = public::routes(Arc::clone(&of_public));
        server::serve(public_listener, routes, public_manners, of_public.drain.closing()).await;
    });

    let asked = signals.first().await;
    tracing::info!(?asked, "stopping; a second signal stops at once");
    let at_once = tokio::select! {
        () = stop(&node, asked, &mut public_server) => false,
        () = signals.second() => {
            tracing::warn!("stopped at once; clients were not told");
            true
        }
    };
    public_server.abort();
    internal_server.abort();
    exile.abort();
    Ok(Served { _node: node, at_once })
}

async fn stop(node: &Node, asked: Asked, public_server: &mut JoinHandle<()>) {
    node.drain.leave();
    node.engine.resign().await;
    node.drain.close_all(asked).await;
    // Requests that are being answered; it accepts no more.
    if timeout(LAST_ANSWERS, public_server).await.is_err() {
        tracing::warn!("some requests were not answered in time");
    }
    // One of them may have been a handshake.
    node.drain.finish().await;
    node.engine.stop().await;
    tracing::info!("stopped");
}

fn start(settings: Settings, telemetry: &Telemetry) -> Result<Arc<Node>> {
    let metrics = Metrics::new(telemetry);
    let watch = Watch { traces: Arc::clone(&telemetry.traces), timings: Timings::new(&telemetry.meter()) };
    let options =
        Options { limits: settings.rules.clone(), holdover: settings.holdover, ..Options::new(&settings.node_id) };
    let seams = Seams { telemetry: Arc::new(watch), ..Seams::default() };
    let engine = Engine::start(connect(&settings)?, options, seams);
    let auth = Auth::new(&settings.auth).map_err(|why| anyhow!("auth: {why}"))?;
    let connections = Connections::new(&settings.node_id, &settings.limits, &settings.public.proxy);
    let connections = Arc::new(connections);
    let node = Arc::new(Node {
        auth,
        drain: Drain::new(settings.drain),
        engine,
        connections,
        metrics,
        traces: Arc::clone(&telemetry.traces),
        log: telemetry.log.clone(),
        started: Instant::now(),
        settings,
    });
    metrics::observe_node(telemetry, &node);
    Ok(node)
}

/// Returns what is asked of clients' connections.
fn public_manners(node: &Node) -> Result<Manners> {
    let Settings { public, limits, .. } = &node.settings;
    let certificate = public.tls.as_ref().map(Certificate::load).transpose();
    let certificate = certificate.map_err(|why| anyhow!("public.tls: {why}"))?.map(Arc::new);
    if let Some(certificate) = certificate.clone() {
        tokio::spawn(async move { certificate.keep_fresh().await });
    }
    let entrance = Entrance {
        within: limits.request_within,
        addresses: Addresses::new(limits, &public.proxy),
        proxy: public.proxy.clone(),
        certificate,
        metrics: Arc::clone(&node.metrics),
    };
    Ok(Manners {
        head_within: limits.request_within,
        head_bytes: limits.head_bytes,
        entrance: Some(Arc::new(entrance)),
    })
}

fn connect(settings: &Settings) -> Result<Connected<dyn Store>> {
    match &settings.store.url {
        StoreUrl::Embedded(folder) => Ok(EmbeddedStore::open(folder)?),
        StoreUrl::Memory => {
            let clock = StoreClock::new();
            let Connected { store, signals } = MemoryStore::new(move || clock.now()).connect();
            Ok(Connected { store, signals })
        }
        StoreUrl::Redis(url) => {
            let options = redis::Options {
                prefix: settings.store.prefix.clone(),
                ca_file: settings.store.ca_file.clone(),
                replicas_ack: settings.store.replicas_ack,
                ..redis::Options::new(url.clone(), &settings.node_id)
            };
            Ok(RedisStore::connect(&options)?)
        }
    }
}

fn listen(address: SocketAddr, setting: &str) -> Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit it.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address).with_context(|| format!("{address} can't be used ({setting})"))?;
    socket.listen(BACKLOG).with_context(|| format!("{address} can't be used ({setting})"))
}

/// Tells a person at the terminal where to go, and warns loudly when everybody is believed.
fn greet(node: &Node, public: SocketAddr) {
    let port = public.port();
    let public = if public.ip().is_unspecified() { format!("localhost:{port}") } else { public.to_string() };
    let settings = &node.settings;
    let scheme = if settings.public.tls.is_some() { "https" } else { "http" };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        node = %settings.node_id,
        store = %settings.store.url,
        console = %format!("{scheme}://{public}"),
        internal = %format!("http://{}", settings.internal_listen),
        "Tickcast is up"
    );
    if node.auth.is_trusting() {
        tracing::warn!(
            "AUTH IS OFF: auth.modes has `trusted`, so whoever reaches {public} can be anyone by ?userId=. \
             For development only."
        );
    }
    if io::stdout().is_terminal() {
        println!("\n  Tickcast   {scheme}://{public}\n  Timers in  {}\n", settings.store.url);
    }
}

/// What the operating system says.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn first(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Orchestrator,
            _ = self.interrupt.recv() => Asked::Person,
        }
    }

    async fn second(&mut self) {
        self.first().await;
    }
}
