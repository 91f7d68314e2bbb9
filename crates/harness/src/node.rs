//! A running `tickcast` process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::http::{Response, request};
use crate::{Client, DEADLINE, Metrics, RedisServer, free_port};

/// Returns the binary under test: `TICKCAST_BIN`, else the one next to the running test.
///
/// # Panics
/// If the path of the running test is unknown.
pub fn binary() -> PathBuf {
    std::env::var_os("TICKCAST_BIN").map_or_else(
        || {
            let test = std::env::current_exe().unwrap();
            let folder = test.ancestors().skip(1).find(|folder| !folder.ends_with("deps")).unwrap();
            folder.join("tickcast")
        },
        PathBuf::from,
    )
}

/// A setting that lifts the message limit, for clients that send more than people do.
pub const NO_MESSAGE_LIMIT: (&str, &str) = ("limits.message_burst", "1000000");

/// A node; killed when dropped.
pub struct Node {
    /// The public port.
    pub public: u16,
    /// The internal port.
    pub internal: u16,
    folder: TempDir,
    settings: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    process: Child,
}

impl Node {
    /// Starts a node on an embedded store and waits until it is ready.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a node with further settings, `section.key` and value, and waits until it is ready.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let mut node = Self::launch(settings);
        node.is_ready().await;
        node
    }

    /// Starts a node with an id over a Redis and waits until it is ready.
    pub async fn start_over(redis: &RedisServer, name: &str) -> Self {
        Self::start_with(&[("store.url", &redis.url()), ("node.id", name)]).await
    }

    /// Starts a node without waiting.
    pub fn launch(settings: &[(&str, &str)]) -> Self {
        Self::launch_in(settings, &[])
    }

    /// Starts a node with additional environment variables, without waiting.
    pub fn launch_in(settings: &[(&str, &str)], environment: &[(&str, &str)]) -> Self {
        Self::launch_at(tempfile::tempdir().unwrap(), settings, environment)
    }

    /// Starts a node with a configuration file and further settings, and waits until it is ready.
    pub async fn start_with_file(file: &str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tickcast.toml"), file).unwrap();
        let mut node = Self::launch_at(folder, settings, &[]);
        node.is_ready().await;
        node
    }

    fn launch_at(folder: TempDir, settings: &[(&str, &str)], environment: &[(&str, &str)]) -> Self {
        let (public, internal) = (free_port(), free_port());
        let (settings, environment) = (owned(settings), owned(environment));
        let process = spawn(folder.path(), public, internal, &settings, &environment);
        Self { public, internal, folder, settings, environment, process }
    }

    /// Starts a node whose stderr is closed, and waits until it is ready.
    pub async fn start_with_closed_stderr() -> Self {
        let mut node = Self::launch(&[("drain.grace", "200ms"), ("drain.notice", "0s")]);
        node.process.kill().unwrap();
        node.process.wait().unwrap();
        let mut command = command(node.folder.path(), node.public, node.internal, &node.settings, &node.environment);
        node.process = command.stderr(Stdio::piped()).spawn().unwrap();
        drop(node.process.stderr.take());
        node.is_ready().await;
        node
    }

    /// Waits until the node reports that it is ready.
    pub async fn is_ready(&mut self) {
        let end = Instant::now() + DEADLINE;
        let mut poll = tokio::time::interval(Duration::from_millis(10));
        loop {
            poll.tick().await;
            if let Ok(response) = request(self.internal, "GET", "/readyz", &[], b"").await
                && response.status == 200
            {
                return;
            }
            assert!(Instant::now() < end, "not ready in time: {}", self.log());
            assert!(self.process.try_wait().unwrap().is_none(), "the process has exited: {}", self.log());
        }
    }

    /// Opens a WebSocket at `/session`.
    pub async fn connect(&self, query: &str) -> Client {
        Client::connect(self.public, &format!("/session?{query}")).await
    }

    /// Sends a request to the public port.
    pub async fn http(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        request(self.public, method, path, headers, body).await.unwrap()
    }

    /// Sends a GET request to the public port.
    pub async fn get(&self, path: &str) -> Response {
        self.http("GET", path, &[], b"").await
    }

    /// Sends a GET request to the internal port.
    pub async fn get_internal(&self, path: &str) -> Response {
        request(self.internal, "GET", path, &[], b"").await.unwrap()
    }

    /// Reads the metrics.
    pub async fn metrics(&self) -> Metrics {
        Metrics::new(self.get_internal("/metrics").await.body)
    }

    /// Sends a request to the internal port.
    pub async fn http_internal(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        request(self.internal, method, path, headers, body).await.unwrap()
    }

    /// Returns the log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(log_file(self.folder.path())).unwrap_or_default()
    }

    /// Returns the working directory.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Suspends the process: its sockets stay open and silent.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Resumes the process.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Kills the process.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Restarts the node, after its exit, on the same ports and the same store, and waits until it is ready.
    pub async fn restart(&mut self) {
        self.process = spawn(self.folder.path(), self.public, self.internal, &self.settings, &self.environment);
        self.is_ready().await;
    }

    /// Kills and restarts the node on the same ports and the same store.
    pub async fn kill_and_restart(&mut self) {
        self.kill();
        self.restart().await;
    }

    /// Waits until the process has exited.
    pub async fn ended(&mut self) -> ExitStatus {
        let end = Instant::now() + DEADLINE;
        let mut poll = tokio::time::interval(Duration::from_millis(10));
        loop {
            poll.tick().await;
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the process does not exit: {}", self.log());
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        if std::thread::panicking() {
            eprintln!("the node's log:\n{}", self.log());
        }
    }
}

fn log_file(folder: &Path) -> PathBuf {
    folder.join("log")
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn spawn(
    folder: &Path,
    public: u16,
    internal: u16,
    settings: &[(String, String)],
    environment: &[(String, String)],
) -> Child {
    let log = File::options().create(true).append(true).open(log_file(folder)).unwrap();
    command(folder, public, internal, settings, environment).stderr(log).spawn().unwrap()
}

fn command(
    folder: &Path,
    public: u16,
    internal: u16,
    settings: &[(String, String)],
    environment: &[(String, String)],
) -> Command {
    let mut command = Command::new(binary());
    command
        .current_dir(folder)
        .env("TICKCAST__PUBLIC__LISTEN", format!("127.0.0.1:{public}"))
        .env("TICKCAST__INTERNAL__LISTEN", format!("127.0.0.1:{internal}"))
        .env("TICKCAST__LOG__LEVEL", "debug")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    for (key, value) in settings {
        command.env(format!("TICKCAST__{}", key.replace('.', "__").to_uppercase()), value);
    }
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command
}
