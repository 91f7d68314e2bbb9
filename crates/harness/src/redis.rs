//! A real `redis-server` for tests, on a free loopback port.

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::wait::block_until;
use crate::{Endpoint, MovableClock, free_port};

pub use cluster::RedisCluster;
pub use reply::Reply;
pub use sentinel::RedisWithSentinels;

mod cluster;
mod reply;
mod sentinel;

/// Options of a server that syncs every write to disk before it replies.
pub const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// Timeout of a reply.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// The log file, in the working directory.
const LOG: &str = "log";

/// A running `redis-server`, initially empty; killed when dropped.
pub struct RedisServer {
    folder: TempDir,
    port: u16,
    program: String,
    options: Vec<String>,
    environment: Vec<(String, String)>,
    process: Child,
}

impl RedisServer {
    /// Starts a server.
    ///
    /// # Panics
    /// If `redis-server` is not installed or does not come up: `cargo xtask test` installs it.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with further options, each `--name value` as two.
    ///
    /// # Panics
    /// As [`RedisServer::start`].
    pub fn start_with(options: &[&str]) -> Self {
        Self::start_as("redis-server", options, &[])
    }

    /// Starts a server with this clock.
    ///
    /// # Panics
    /// As [`RedisServer::start`].
    pub fn start_by(clock: &MovableClock) -> Self {
        Self::start_by_with(clock, &[])
    }

    /// Starts a server with this clock and further options.
    ///
    /// # Panics
    /// As [`RedisServer::start`].
    pub fn start_by_with(clock: &MovableClock, options: &[&str]) -> Self {
        let environment = clock.environment();
        let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Self::start_as("redis-server", options, &environment)
    }

    /// Starts a replica of this server and waits until it is in sync.
    ///
    /// # Panics
    /// As [`RedisServer::start`], or if the replica does not sync.
    pub fn start_replica(&self) -> Self {
        let replica = Self::start_with(&["--replicaof", "127.0.0.1", &self.port.to_string()]);
        replica.wait_for_primary();
        replica
    }

    /// Starts another program with the same protocol, such as Valkey, with additional environment variables.
    ///
    /// # Panics
    /// As [`RedisServer::start`].
    pub fn start_as(program: &str, options: &[&str], environment: &[(&str, &str)]) -> Self {
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let environment: Vec<(String, String)> =
            environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        // Another process may take the port between its allocation and its use.
        for _ in 0..5 {
            let folder = folder();
            let port = free_port();
            let process = spawn(program, &folder, port, &options, &environment);
            let (options, environment) = (options.clone(), environment.clone());
            let mut server = Self { folder, port, program: program.to_owned(), options, environment, process };
            if server.wait_until_up() {
                return server;
            }
        }
        panic!("redis-server did not come up on any of five ports")
    }

    /// Returns its address as a URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Returns its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default()
    }

    /// Returns the working directory.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills the server; data in memory is lost.
    pub fn kill(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }

    /// Restarts the server on the same port.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn restart(&mut self) {
        self.process = spawn(&self.program, &self.folder, self.port, &self.options, &self.environment);
        assert!(self.wait_until_up(), "redis-server did not come up again");
    }

    /// Suspends the process: its connections stay open and silent.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Resumes the process.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    /// Makes the server a replica of another one and waits until it is in sync.
    ///
    /// # Panics
    /// If it does not sync in time.
    pub fn follow(&self, primary: &Self) {
        let reply = self.command(&["REPLICAOF", "127.0.0.1", &primary.port.to_string()]);
        assert!(reply.is_ok_and(|reply| reply == "+OK"), "it does not become a replica");
        self.wait_for_primary();
    }

    /// Waits until the replica is in sync with its primary.
    ///
    /// # Panics
    /// If it does not sync in time.
    pub(crate) fn wait_for_primary(&self) {
        self.wait_for_reply(&["INFO", "replication"], |info| info.contains("master_link_status:up"));
    }

    /// Makes the server a primary.
    ///
    /// # Panics
    /// If the server rejects it.
    pub fn promote(&self) {
        let reply = self.command(&["REPLICAOF", "NO", "ONE"]);
        assert!(reply.is_ok_and(|reply| reply == "+OK"), "it does not become a primary");
    }

    /// Makes the server refuse to become a replica, as if the order never reached it.
    ///
    /// # Panics
    /// If the server rejects it.
    pub fn refuse_demotion(&self) {
        let reply = self.command(&["ACL", "SETUSER", "default", "-replicaof", "-slaveof"]);
        assert!(reply.is_ok_and(|reply| reply == "+OK"), "it can be demoted");
    }

    /// Makes the server accept to become a replica again.
    ///
    /// # Panics
    /// If the server rejects it.
    pub fn accept_demotion(&self) {
        let reply = self.command(&["ACL", "SETUSER", "default", "+replicaof", "+slaveof"]);
        assert!(reply.is_ok_and(|reply| reply == "+OK"), "it cannot be demoted");
    }

    /// Sends one command and returns the reply's line or text.
    ///
    /// # Errors
    /// The connection's.
    pub fn command(&self, args: &[&str]) -> io::Result<String> {
        Ok(self.replies(&[args.to_vec()])?.swap_remove(0).into_text())
    }

    /// Sends commands on one connection and returns their replies.
    ///
    /// # Errors
    /// The connection's.
    pub fn replies(&self, commands: &[Vec<&str>]) -> io::Result<Vec<Reply>> {
        redis_replies(self.address(), commands)
    }

    /// Returns its address.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Sends a command repeatedly until the reply is as expected.
    ///
    /// # Panics
    /// After the timeout.
    pub fn wait_for_reply(&self, args: &[&str], expected: impl Fn(&str) -> bool) {
        block_until(&format!("an reply to {args:?}"), || self.command(args).is_ok_and(|reply| expected(&reply)));
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        Command::new("kill").args([signal, &pid]).status().expect("kill runs");
    }

    fn wait_until_up(&mut self) -> bool {
        let mut is_up = false;
        block_until("redis-server to come up, or to end", || {
            // A server that requires a password is up too.
            is_up = self.command(&["PING"]).is_ok_and(|reply| reply == "+PONG" || reply.starts_with("-NOAUTH"));
            is_up || self.process.try_wait().is_ok_and(|ended| ended.is_some())
        });
        is_up
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends commands to a server on one connection and returns their replies.
///
/// # Errors
/// The connection's.
pub fn redis_replies(server: SocketAddr, commands: &[Vec<&str>]) -> io::Result<Vec<Reply>> {
    let stream = TcpStream::connect_timeout(&server, REPLY_TIMEOUT)?;
    stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
    let mut reader = BufReader::new(&stream);
    commands
        .iter()
        .map(|args| {
            let mut request = format!("*{}\r\n", args.len());
            for arg in args {
                request.push_str(&format!("${}\r\n{arg}\r\n", arg.len()));
            }
            (&stream).write_all(request.as_bytes())?;
            Reply::read(&mut reader)
        })
        .collect()
}

/// Creates a directory in memory if possible: a busy disk would delay each durable write. Data written by a
/// killed process survives in both.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder for the server")
}

fn spawn(program: &str, folder: &TempDir, port: u16, options: &[String], environment: &[(String, String)]) -> Child {
    Command::new(program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(["--daemonize", "no", "--logfile", LOG, "--repl-diskless-sync-delay", "0", "--dir"])
        .arg(folder.path())
        .args(options)
        .current_dir(folder.path())
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; `cargo xtask test` installs it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_has_its_primarys_data_and_takes_over() {
        let (primary, replica) = (RedisServer::start(), RedisServer::start());
        primary.command(&["SET", "key", "value"]).unwrap();
        replica.follow(&primary);
        assert_eq!(replica.command(&["GET", "key"]).unwrap(), "value");
        assert!(replica.command(&["SET", "key", "own"]).unwrap().starts_with("-READONLY"));
        replica.promote();
        assert_eq!(replica.command(&["SET", "key", "own"]).unwrap(), "+OK");
        assert_eq!(primary.command(&["GET", "key"]).unwrap(), "value");
    }

    #[test]
    fn a_killed_durable_server_has_all_acknowledged_writes() {
        let mut server = RedisServer::start_with(&DURABLE);
        server.command(&["HSET", "key", "a", "1", "b", "2"]).unwrap();
        server.kill();
        server.restart();
        assert_eq!(server.replies(&[vec!["HGETALL", "key"]]).unwrap()[0].texts(), ["a", "1", "b", "2"]);
        assert!(server.log().contains("Ready to accept connections"));
    }
}
