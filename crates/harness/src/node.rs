//! A running `tickcast`, gone with its handle.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::http::{Answer, request};
use crate::{Client, DEADLINE, Figures, RedisServer, free_port};

/// Returns the binary under test: `TICKCAST_BIN`, else the one beside the test that runs.
///
/// # Panics
/// If the running program has no place.
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

/// Has a node hear clients out that say more than people do.
pub const TALKATIVE: (&str, &str) = ("limits.message_burst", "1000000");

/// One node.
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

    /// Starts a node of a name over a Redis and waits until it is ready.
    pub async fn start_over(redis: &RedisServer, name: &str) -> Self {
        Self::start_with(&[("store.url", &redis.url()), ("node.id", name)]).await
    }

    /// Starts a node and waits for nothing.
    pub fn launch(settings: &[(&str, &str)]) -> Self {
        Self::launch_in(settings, &[])
    }

    /// Starts a node in an environment with further variables and waits for nothing.
    pub fn launch_in(settings: &[(&str, &str)], environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (public, internal) = (free_port(), free_port());
        let (settings, environment) = (owned(settings), owned(environment));
        let process = spawn(folder.path(), public, internal, &settings, &environment);
        Self { public, internal, folder, settings, environment, process }
    }

    /// Starts a node whose log nobody reads any more, and waits until it is ready.
    pub async fn start_unheard() -> Self {
        let mut node = Self::launch(&[("drain.grace", "200ms"), ("drain.notice", "0s")]);
        node.process.kill().unwrap();
        node.process.wait().unwrap();
        let mut command = command(node.folder.path(), node.public, node.internal, &node.settings, &node.environment);
        node.process = command.stderr(Stdio::piped()).spawn().unwrap();
        drop(node.process.stderr.take());
        node.is_ready().await;
        node
    }

    /// Waits until the node says that it is ready.
    pub async fn is_ready(&mut self) {
        let end = Instant::now() + DEADLINE;
        let mut look = tokio::time::interval(Duration::from_millis(10));
        loop {
            look.tick().await;
            if let Ok(answer) = request(self.internal, "GET", "/readyz", &[], b"").await
                && answer.status == 200
            {
                return;
            }
            assert!(Instant::now() < end, "not ready in time: {}", self.log());
            assert!(self.process.try_wait().unwrap().is_none(), "it has ended: {}", self.log());
        }
    }

    /// Opens a WebSocket at `/session`.
    pub async fn connect(&self, query: &str) -> Client {
        Client::connect(self.public, &format!("/session?{query}")).await
    }

    /// Sends a request to the public port.
    pub async fn http(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        request(self.public, method, path, headers, body).await.unwrap()
    }

    /// Reads from the public port.
    pub async fn get(&self, path: &str) -> Answer {
        self.http("GET", path, &[], b"").await
    }

    /// Reads from the internal port.
    pub async fn get_internal(&self, path: &str) -> Answer {
        request(self.internal, "GET", path, &[], b"").await.unwrap()
    }

    /// Reads its figures.
    pub async fn figures(&self) -> Figures {
        Figures::new(self.get_internal("/metrics").await.body)
    }

    /// Sends a request to the internal port.
    pub async fn http_internal(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        request(self.internal, method, path, headers, body).await.unwrap()
    }

    /// Returns what it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(log_file(self.folder.path())).unwrap_or_default()
    }

    /// Returns the folder that it runs in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the id of its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Stops its process without ending it, so that its sockets stay open and silent.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again, after its end, on the same ports and the same store, and waits until it is ready.
    pub async fn start_again(&mut self) {
        self.process = spawn(self.folder.path(), self.public, self.internal, &self.settings, &self.environment);
        self.is_ready().await;
    }

    /// Kills it and starts it again on the same ports and the same store.
    pub async fn kill_and_start_again(&mut self) {
        self.kill();
        self.start_again().await;
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        let end = Instant::now() + DEADLINE;
        let mut look = tokio::time::interval(Duration::from_millis(10));
        loop {
            look.tick().await;
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "it does not end: {}", self.log());
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
