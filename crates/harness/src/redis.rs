//! A real `redis-server` for tests: started on a free loopback port, gone with its handle.

use std::io::{self, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::wait::block_until;
use crate::{MovableClock, free_port};

pub use cluster::RedisCluster;
pub use reply::Reply;
pub use sentinel::RedisWithSentinels;

mod cluster;
mod reply;
mod sentinel;

/// Options of a server whose answers are on disk before they are given.
pub const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// How long a server may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The file that it logs to, in its folder.
const LOG: &str = "log";

/// A running `redis-server` with nothing in it.
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

    /// Starts a server that goes by this clock.
    ///
    /// # Panics
    /// As [`RedisServer::start`].
    pub fn start_by(clock: &MovableClock) -> Self {
        Self::start_by_with(clock, &[])
    }

    /// Starts a server that goes by this clock, with further options.
    ///
    /// # Panics
    /// As [`RedisServer::start`].
    pub fn start_by_with(clock: &MovableClock, options: &[&str]) -> Self {
        let environment = clock.environment();
        let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Self::start_as("redis-server", options, &environment)
    }

    /// Starts a replica of this server and waits until it has all.
    ///
    /// # Panics
    /// As [`RedisServer::start`], or if it does not come to that.
    pub fn start_replica(&self) -> Self {
        let replica = Self::start_with(&["--replicaof", "127.0.0.1", &self.port.to_string()]);
        replica.wait_for_primary();
        replica
    }

    /// Starts another program that speaks the same, such as Valkey's, in an environment with further variables.
    ///
    /// # Panics
    /// As [`RedisServer::start`].
    pub fn start_as(program: &str, options: &[&str], environment: &[(&str, &str)]) -> Self {
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let environment: Vec<(String, String)> =
            environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        // Between finding a free port and using it, somebody else may take it.
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

    /// Returns its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Returns its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns what it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default()
    }

    /// Returns the folder that it runs in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills it; what it held in memory is gone.
    pub fn kill(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }

    /// Starts it again on the same port.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start_again(&mut self) {
        self.process = spawn(&self.program, &self.folder, self.port, &self.options, &self.environment);
        assert!(self.wait_until_up(), "redis-server did not come up again");
    }

    /// Stops its process without ending it, so that its links stay open and silent.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    /// Makes it a replica of another server and waits until it has all that the other has.
    ///
    /// # Panics
    /// If it does not come to that.
    pub fn follow(&self, primary: &Self) {
        let answer = self.command(&["REPLICAOF", "127.0.0.1", &primary.port.to_string()]);
        assert!(answer.is_ok_and(|answer| answer == "+OK"), "it does not become a replica");
        self.wait_for_primary();
    }

    /// Waits until it has all that its primary had.
    ///
    /// # Panics
    /// If it does not come to that.
    pub(crate) fn wait_for_primary(&self) {
        self.wait_for_answer(&["INFO", "replication"], |info| info.contains("master_link_status:up"));
    }

    /// Makes it a primary.
    ///
    /// # Panics
    /// If it refuses.
    pub fn promote(&self) {
        let answer = self.command(&["REPLICAOF", "NO", "ONE"]);
        assert!(answer.is_ok_and(|answer| answer == "+OK"), "it does not become a primary");
    }

    /// Sends one command and returns the answer's line or text.
    ///
    /// # Errors
    /// The connection's.
    pub fn command(&self, words: &[&str]) -> io::Result<String> {
        Ok(self.replies(&[words.to_vec()])?.swap_remove(0).into_text())
    }

    /// Sends commands on one connection and returns their answers.
    ///
    /// # Errors
    /// The connection's.
    pub fn replies(&self, commands: &[Vec<&str>]) -> io::Result<Vec<Reply>> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        let mut reader = BufReader::new(&stream);
        commands
            .iter()
            .map(|words| {
                let mut request = format!("*{}\r\n", words.len());
                for word in words {
                    request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
                }
                (&stream).write_all(request.as_bytes())?;
                Reply::read(&mut reader)
            })
            .collect()
    }

    /// Sends a command again and again until the answer is as wanted.
    ///
    /// # Panics
    /// If it is not in time.
    pub fn wait_for_answer(&self, words: &[&str], wanted: impl Fn(&str) -> bool) {
        block_until(&format!("an answer to {words:?}"), || self.command(words).is_ok_and(|answer| wanted(&answer)));
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        Command::new("kill").args([signal, &pid]).status().expect("kill runs");
    }

    fn wait_until_up(&mut self) -> bool {
        let mut is_up = false;
        block_until("redis-server to come up, or to end", || {
            // One that asks for a password is up too.
            is_up = self.command(&["PING"]).is_ok_and(|answer| answer == "+PONG" || answer.starts_with("-NOAUTH"));
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

/// Makes a folder in memory, where there is such a place: a disk that is busy with other things would hold up
/// each durable write. What a killed process has written is safe in either.
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
    fn a_replica_has_what_its_primary_had_and_takes_over() {
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
    fn a_durable_server_that_was_killed_has_all_it_answered() {
        let mut server = RedisServer::start_with(&DURABLE);
        server.command(&["HSET", "key", "a", "1", "b", "2"]).unwrap();
        server.kill();
        server.start_again();
        assert_eq!(server.replies(&[vec!["HGETALL", "key"]]).unwrap()[0].texts(), ["a", "1", "b", "2"]);
        assert!(server.log().contains("Ready to accept connections"));
    }
}
