//! `tickcast serve`: from settings to a running node, and its shutdown.

use std::future::pending;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use engine::{Dependencies, Engine};
use net::limits::{AddressLimiter, NetObserver};
use net::server::{self, Acceptor, HttpOptions};
use net::tls::TlsCertificate;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::http::body_slots::BodySlots;
use crate::http::import_limiter::ImportLimiter;
use crate::http::public;
use crate::node::Node;
use crate::ops::cluster::ClusterReports;
use crate::ops::config::Settings;
use crate::ops::critical_tasks::{CriticalTasks, task_failure};
use crate::ops::drain::{Drain, ShutdownSource};
use crate::ops::engine_setup::{connect, engine_options};
use crate::ops::engine_telemetry::EngineTelemetry;
use crate::ops::metrics::{self, Metrics, Timings};
use crate::ops::restore_check::unfinished_restore;
use crate::ops::telemetry::Telemetry;
use crate::ops::{cluster, disconnect, internal, key_reload, memory_release};
use crate::session::connection_signals;
use crate::session::connections::Connections;

/// Connections that wait to be accepted, so that the kernel refuses none when many clients reconnect at once.
const BACKLOG: u32 = 4096;

/// How long requests that arrived before the shutdown may take: the budget of a command, and a little.
const LAST_ANSWERS: Duration = Duration::from_secs(6);

/// Bytes that the kernel buffers for a client that does not read: some minutes of ticks.
const SEND_BUFFER_BYTES: u32 = 64 * 1024;

/// A node that no longer serves.
pub(crate) struct Served {
    /// The metrics of the node are read until the last export.
    _node: Arc<Node>,
    /// A second signal asked for an immediate end.
    pub(crate) at_once: bool,
}

/// Runs a node until a signal asks it to shut down.
///
/// # Errors
/// The node cannot start, or one of its long-lived tasks has ended: a node without it would look healthy and show nothing.
/// Clients then reconnect to other nodes.
pub(crate) async fn serve(settings: Settings, telemetry: &Telemetry) -> Result<Served> {
    serve_with(settings, telemetry, CriticalTasks::default()).await
}

/// Serves as long as `tasks` run, to which the tasks of the node are added.
async fn serve_with(settings: Settings, telemetry: &Telemetry, mut tasks: CriticalTasks) -> Result<Served> {
    let public_listener = listen(settings.public.listen, "public.listen")?;
    let internal_listener = listen(settings.internal_listen, "internal.listen")?;
    let mut signals = Signals::new()?;
    survive_file_size_limit()?;
    let node = start(settings, telemetry)?;
    let public_options = public_options(&node, &mut tasks)?;
    greet(&node, public_listener.local_addr()?);

    let internal_options = HttpOptions { acceptor: None, ..public_options.clone() };
    let internal_routes = internal::routes(Arc::clone(&node));
    let internal_server = server::serve(internal_listener, internal_routes, internal_options, pending());
    tasks.spawn("internal server", internal_server);
    tasks.spawn("memory release", memory_release::run(Arc::clone(&node)));
    tasks.spawn("disconnect orders", disconnect::watch(Arc::clone(&node)));
    tasks.spawn("connection signals", connection_signals::relay(Arc::clone(&node)));
    tasks.spawn("cluster reports", cluster::report(Arc::clone(&node)));
    if !node.settings.key_files.is_empty() {
        tasks.spawn("key reload", key_reload::reload_on_change(Arc::clone(&node)));
    }
    let public_routes = public::routes(Arc::clone(&node));
    let closing = Arc::clone(&node);
    let mut public_server = tokio::spawn(async move {
        // The kernel holds the clients that connect meanwhile.
        tokio::select! {
            () = closing.started() => {}
            () = closing.drain.closing() => {}
        }
        server::serve(public_listener, public_routes, public_options, closing.drain.closing()).await;
    });

    let source = tokio::select! {
        source = signals.first() => source,
        failure = node.engine.failed() => return Err(failed(&failure.to_string())),
        failure = tasks.failed() => return Err(failed(&failure)),
        reason = unfinished_restore(&node.engine) => return Err(refuse_store(&node, reason).await),
        ended = &mut public_server => return Err(failed(&task_failure("public server", ended))),
    };
    tracing::info!(?source, "stopping; a second signal stops at once");
    let at_once = tokio::select! {
        () = stop(&node, source, &mut public_server) => false,
        () = signals.second() => {
            tracing::warn!("stopped at once; clients were not told");
            true
        }
    };
    public_server.abort();
    Ok(Served { _node: node, at_once })
}

/// Hands the store back, and logs why it is not used.
async fn refuse_store(node: &Node, reason: String) -> anyhow::Error {
    tracing::error!("{reason}");
    node.engine.resign().await;
    node.engine.stop().await;
    anyhow!(reason)
}

/// Logs the failure of a long-lived task, as the last line of the process.
fn failed(failure: &str) -> anyhow::Error {
    tracing::error!(
        failure,
        "a long-lived task has failed; the process exits so that clients reconnect to other nodes"
    );
    anyhow!("{failure}")
}

async fn stop(node: &Node, source: ShutdownSource, public_server: &mut JoinHandle<()>) {
    node.drain.leave(source);
    node.engine.resign().await;
    node.drain.close_all(source).await;
    // Requests in progress; the server accepts no more.
    if timeout(LAST_ANSWERS, public_server).await.is_err() {
        tracing::warn!("some requests were not answered in time");
    }
    // One of them may have been a handshake.
    node.drain.finish().await;
    node.cluster.withdraw(node).await;
    node.engine.stop().await;
    tracing::info!("stopped");
}

fn start(settings: Settings, telemetry: &Telemetry) -> Result<Arc<Node>> {
    let metrics = Metrics::new(telemetry);
    let engine_telemetry =
        EngineTelemetry { traces: Arc::clone(&telemetry.traces), timings: Timings::new(&telemetry.meter()) };
    let dependencies = Dependencies { telemetry: Arc::new(engine_telemetry), ..Dependencies::default() };
    let engine = Engine::start(connect(&settings)?, engine_options(&settings), dependencies);
    let auth = settings.auth.connect().map_err(|error| anyhow!("auth: {error}"))?;
    let addresses = AddressLimiter::new(settings.limits.of_address(), &settings.public.proxy);
    let connections = Connections::new(&settings.node_id, &settings.limits, addresses);
    let node = Arc::new(Node {
        auth,
        drain: Drain::new(settings.drain),
        engine,
        connections: Arc::new(connections),
        body_slots: BodySlots::new(settings.limits.of_address(), &settings.public.proxy),
        imports: ImportLimiter::new(&settings.limits, &settings.public.proxy),
        metrics,
        traces: Arc::clone(&telemetry.traces),
        log: telemetry.log.clone(),
        cluster: ClusterReports::default(),
        started: Instant::now(),
        settings,
    });
    metrics::observe_node(telemetry, &node);
    Ok(node)
}

/// Returns the options of the public port.
fn public_options(node: &Arc<Node>, tasks: &mut CriticalTasks) -> Result<HttpOptions> {
    let Settings { public, limits, .. } = &node.settings;
    let certificate = public.tls.as_ref().map(TlsCertificate::load).transpose();
    let certificate = certificate.map_err(|error| anyhow!("public.tls: {error}"))?.map(Arc::new);
    if let Some(certificate) = certificate.clone() {
        tasks.spawn("certificate reload", async move { certificate.reload_on_change().await });
    }
    let acceptor = Acceptor {
        timeout: limits.request_within,
        addresses: AddressLimiter::new(limits.of_address(), &public.proxy),
        proxy: public.proxy.clone(),
        certificate,
        observer: Arc::clone(&node.metrics) as Arc<dyn NetObserver>,
    };
    Ok(HttpOptions {
        timeout: limits.request_within,
        keep_alive: limits.keep_alive,
        head_bytes: limits.head_bytes,
        acceptor: Some(Arc::new(acceptor)),
    })
}

fn listen(address: SocketAddr, setting: &str) -> Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit the size.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address).with_context(|| format!("{address} cannot be used ({setting})"))?;
    socket.listen(BACKLOG).with_context(|| format!("{address} cannot be used ({setting})"))
}

/// Tells a person at the terminal the addresses, and warns if authentication is off.
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
    if node.auth.is_trusted_mode() {
        tracing::warn!(
            "AUTH IS OFF: auth.modes has `trusted`, so anyone who reaches {public} can act as any user by ?userId=. \
             For development only."
        );
    }
    if node.auth.accepts_test_headers() {
        tracing::warn!(
            "AUTH IS OFF: auth.test_headers is on, so anyone who reaches {public} can act as any user of any \
             organisation by x-test-user-id and x-test-org-id. For development only."
        );
    }
    if io::stdout().is_terminal() {
        println!("\n  Tickcast   {scheme}://{public}\n  Timers in  {}\n", settings.store.url);
    }
}

/// Makes a write beyond the limit of file sizes (`ulimit -f`) fail, so that the store reports it. By default the signal that
/// comes with it ends the process.
fn survive_file_size_limit() -> io::Result<()> {
    // Dropping the receiver leaves the handler in place.
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

/// The signals of the operating system.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn first(&mut self) -> ShutdownSource {
        tokio::select! {
            _ = self.terminate.recv() => ShutdownSource::Orchestrator,
            _ = self.interrupt.recv() => ShutdownSource::Person,
        }
    }

    async fn second(&mut self) {
        self.first().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::config::{self, Sources};

    #[test]
    fn a_node_stops_serving_when_one_of_its_tasks_panics() {
        let flags = ["store.url=memory://", "public.listen=127.0.0.1:0", "internal.listen=127.0.0.1:0"];
        let sources = Sources { file: None, flags: flags.map(str::to_owned).to_vec() };
        let settings = config::load(&sources).expect("a valid configuration").settings;
        // The telemetry may not be dropped on the runtime.
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let telemetry = {
            let _on_runtime = runtime.enter();
            Telemetry::start(&settings).unwrap()
        };
        let result = runtime.block_on(async {
            let mut tasks = CriticalTasks::default();
            tasks.spawn("injected", async { panic!("on purpose") });
            timeout(Duration::from_secs(20), serve_with(settings, &telemetry, tasks)).await
        });
        let error = result.expect("ends in time").map(drop).unwrap_err().to_string();
        assert!(error.contains("\"injected\"") && error.contains("on purpose"), "{error}");
        runtime.shutdown_background();
    }
}
