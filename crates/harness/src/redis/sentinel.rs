//! A primary with its replicas and sentinels.

use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::wait::block_until;
use crate::{RedisServer, Running, free_port};

/// The name of the primary in the sentinels.
const SERVICE: &str = "timers";

/// The documented permissions of Tickcast on a sentinel.
const PERMISSIONS: [&str; 8] = [
    "-@all",
    "+@connection",
    "+info",
    "+subscribe",
    "+sentinel|get-master-addr-by-name",
    "+sentinel|master",
    "+sentinel|sentinels",
    "+sentinel|myid",
];

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
        Self::start_with(&[])
    }

    /// Starts all processes, the servers with these options, and waits until the sentinels know each other.
    ///
    /// # Panics
    /// As [`RedisWithSentinels::start`].
    pub fn start_with(options: &[&str]) -> Self {
        let servers: Vec<RedisServer> = (0..3).map(|_| RedisServer::start_with(options)).collect();
        servers[1..].iter().for_each(|replica| replica.follow(&servers[0]));
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

    /// Restricts the sentinels to this user, with the documented permissions.
    pub fn lock(&self, user: &str, password: &str) {
        for sentinel in &self.sentinels {
            let login = ["ACL", "SETUSER", user, "on", &format!(">{password}"), "&*"];
            assert_eq!(cli(sentinel.port, &[&login[..], &PERMISSIONS].concat()).trim(), "OK");
            cli(sentinel.port, &["ACL", "SETUSER", "default", "off"]);
            assert!(cli(sentinel.port, &["PING"]).contains("NOAUTH"), "the sentinel accepts any user");
        }
    }

    /// Makes the sentinels replace a primary that works.
    ///
    /// # Panics
    /// If they refuse.
    pub fn fail_over(&self) {
        // They refuse while they do not know a good replica yet.
        let port = self.sentinels[0].port;
        block_until("a failover", || cli(port, &["SENTINEL", "FAILOVER", SERVICE]).trim() == "OK");
    }

    /// Returns the port of the primary that most of the sentinels name.
    pub fn named_primary(&self) -> Option<u16> {
        let named = |sentinel: &Sentinel| {
            let reply = cli(sentinel.port, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE]);
            reply.lines().nth(1)?.parse::<u16>().ok()
        };
        let named: Vec<u16> = self.sentinels.iter().filter_map(named).collect();
        named
            .iter()
            .copied()
            .find(|port| 2 * named.iter().filter(|other| *other == port).count() > self.sentinels.len())
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
