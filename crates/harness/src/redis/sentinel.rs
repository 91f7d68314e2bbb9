//! A primary with its replicas and sentinels.

use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::wait::block_until;
use crate::{RedisServer, Running, free_port};

/// The name of the primary in the sentinels.
const SERVICE: &str = "timers";

/// A primary, two replicas and three sentinels.
pub struct RedisWithSentinels {
    /// The initial primary, then the replicas.
    pub servers: Vec<RedisServer>,
    sentinels: Vec<Sentinel>,
}

struct Sentinel {
    port: u16,
    _process: Running,
    _folder: TempDir,
}

impl RedisWithSentinels {
    /// Starts all processes and waits until the sentinels know each other.
    ///
    /// # Panics
    /// If they do not come up.
    pub fn start() -> Self {
        let primary = RedisServer::start();
        let replicas = [primary.start_replica(), primary.start_replica()];
        let servers: Vec<RedisServer> = std::iter::once(primary).chain(replicas).collect();
        let sentinels: Vec<Sentinel> = (0..3).map(|_| Sentinel::start(servers[0].port())).collect();
        let all = Self { servers, sentinels };
        all.wait_until_known();
        all
    }

    /// Returns the address for clients.
    pub fn url(&self) -> String {
        let addresses: Vec<String> =
            self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
        let nodes: Vec<String> = addresses[1..].iter().map(|address| format!("&node={address}")).collect();
        format!("redis+sentinel://{}?sentinelServiceName={SERVICE}{}", addresses[0], nodes.concat())
    }

    /// Restricts the sentinels to this user.
    pub fn lock(&self, user: &str, password: &str) {
        for sentinel in &self.sentinels {
            cli(sentinel.port, &["ACL", "SETUSER", user, "on", &format!(">{password}"), "+@all", "allchannels"]);
            cli(sentinel.port, &["ACL", "SETUSER", "default", "off"]);
            assert!(cli(sentinel.port, &["PING"]).contains("NOAUTH"), "the sentinel accepts any user");
        }
    }

    /// Waits for a primary among the reachable servers, and returns it.
    ///
    /// # Panics
    /// After the timeout.
    pub fn primary(&self) -> &RedisServer {
        let is_primary = |server: &&RedisServer| {
            server.command(&["INFO", "replication"]).is_ok_and(|info| info.contains("role:master"))
        };
        let mut primary = None;
        block_until("a primary", || {
            primary = self.servers.iter().find(is_primary);
            primary.is_some()
        });
        primary.expect("waited for")
    }

    fn wait_until_known(&self) {
        let knows = |sentinel: &Sentinel| {
            let info = cli(sentinel.port, &["SENTINEL", "MASTER", SERVICE]);
            info.contains("num-slaves\n2") && info.contains("num-other-sentinels\n2")
        };
        block_until("the sentinels to find each other", || self.sentinels.iter().all(knows));
    }
}

impl Sentinel {
    fn start(primary: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let file = folder.path().join("sentinel.conf");
        let config = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {SERVICE} 127.0.0.1 {primary} 2\n\
             sentinel down-after-milliseconds {SERVICE} 1000\nsentinel failover-timeout {SERVICE} 5000\n",
            folder.path().display()
        );
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new("redis-server");
        let process = Running::start(command.arg(&file).arg("--sentinel").stdout(Stdio::null()));
        Self { port, _process: process, _folder: folder }
    }
}

/// Sends a command with `redis-cli`, which prints whole replies.
pub(crate) fn cli(port: u16, words: &[&str]) -> String {
    let output = Command::new("redis-cli").args(["-p", &port.to_string()]).args(words).output();
    let output = output.expect("redis-cli is installed with redis-server");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
