//! A running load balancer, which ends with its handle.

use std::fs::{self, File, Permissions};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use harness::http::{Response, request, request_over};
use harness::{Client, DEADLINE, Node, free_port};
use tempfile::TempDir;
use tokio::net::TcpSocket;

/// A kind of load balancer.
pub(crate) struct Kind {
    /// Returns the command for a folder, a port to listen on, and the nodes.
    pub(crate) command: fn(&Path, u16, &Nodes) -> Command,
}

/// The three nodes that the configurations name.
pub(crate) type Nodes = [Place; 3];

/// The ports of a node.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) public: u16,
    pub(crate) internal: u16,
}

impl Place {
    /// Returns the ports of a node that does not exist.
    pub(crate) fn empty() -> Self {
        Self { public: free_port(), internal: free_port() }
    }
}

impl From<&Node> for Place {
    fn from(node: &Node) -> Self {
        Self { public: node.public, internal: node.internal }
    }
}

pub(crate) struct Balancer {
    pub(crate) port: u16,
    folder: TempDir,
    process: Child,
}

impl Balancer {
    /// Starts a load balancer and waits until it forwards a client to a node.
    pub(crate) async fn start(kind: &Kind, nodes: &Nodes) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        // nginx's workers do not run as root, and buffer large bodies here.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let log = File::create(log_file(folder.path())).unwrap();
        let mut command = (kind.command)(folder.path(), port, nodes);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let process = command.spawn().unwrap();
        let mut balancer = Self { port, folder, process };
        balancer.is_up().await;
        balancer
    }

    /// Opens a WebSocket at `/session`.
    pub(crate) async fn connect(&self, query: &str) -> Client {
        Client::connect(self.port, &format!("/session?{query}")).await
    }

    pub(crate) async fn http(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        request(self.port, method, path, headers, body).await.unwrap()
    }

    /// Sends a request from an address of this machine.
    pub(crate) async fn http_from(&self, address: Ipv4Addr, method: &str, path: &str, body: &[u8]) -> Response {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((address, 0).into()).unwrap();
        let stream = socket.connect((Ipv4Addr::LOCALHOST, self.port).into()).await.unwrap();
        request_over(stream, method, path, &[], body).await.unwrap()
    }

    async fn is_up(&mut self) {
        let end = Instant::now() + DEADLINE;
        let mut look = tokio::time::interval(Duration::from_millis(20));
        loop {
            look.tick().await;
            let answer = request(self.port, "GET", "/api/health", &[], b"").await;
            if answer.as_ref().is_ok_and(|answer| answer.status == 200) {
                return;
            }
            assert!(self.process.try_wait().unwrap().is_none(), "it has ended");
            assert!(Instant::now() < end, "not up in time: {answer:?}");
        }
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // nginx's workers outlive a killed master.
        Command::new("kill").arg(self.process.id().to_string()).status().ok();
        let end = Instant::now() + DEADLINE;
        while self.process.try_wait().is_ok_and(|ended| ended.is_none()) && Instant::now() < end {
            std::thread::yield_now();
        }
        self.process.kill().ok();
        self.process.wait().ok();
        if std::thread::panicking() {
            let log = fs::read_to_string(log_file(self.folder.path())).unwrap_or_default();
            eprintln!("the balancer's log:\n{log}");
        }
    }
}

/// Returns the path of a configuration in `deploy/`.
pub(crate) fn shipped(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(file)
}

/// Replaces texts, which must be present.
pub(crate) fn with(mut text: String, replaced: &[(String, String)]) -> String {
    for (old, new) in replaced {
        assert!(text.contains(old), "the configuration has no `{old}`");
        text = text.replace(old, new);
    }
    text
}

fn log_file(folder: &Path) -> PathBuf {
    folder.join("log")
}

/// Defines the tests for a kind of load balancer.
macro_rules! suite {
    ($kind:ident) => {
        #[tokio::test]
        async fn all_clients_of_a_draining_node_move_to_the_other() {
            crate::balancers::drain::all_clients_move_to_the_other(&$kind).await;
        }

        #[tokio::test]
        async fn connected_clients_stay_connected_while_redis_is_unavailable() {
            crate::balancers::outage::connected_clients_stay_connected(&$kind).await;
        }

        #[tokio::test]
        async fn a_full_node_is_skipped() {
            crate::balancers::routing::a_full_node_is_skipped(&$kind).await;
        }

        #[tokio::test]
        async fn a_polling_client_stays_on_its_node() {
            crate::balancers::routing::a_polling_client_stays_on_its_node(&$kind).await;
        }

        #[tokio::test]
        async fn a_polling_client_connects() {
            crate::balancers::routing::a_polling_client_connects(&$kind).await;
        }

        #[tokio::test]
        async fn a_request_arrives_as_it_was_sent() {
            crate::balancers::routing::a_request_arrives_as_it_was_sent(&$kind).await;
        }
    };
}
pub(crate) use suite;
