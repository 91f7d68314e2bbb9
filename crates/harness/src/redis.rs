//! A real `redis-server` for tests: started on a free loopback port, gone with its handle.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::free_port;

/// How long a server may take to answer.
const UP_WITHIN: Duration = Duration::from_secs(10);

/// How often it is looked whether a server is up.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A running `redis-server` with nothing in it.
pub struct RedisServer {
    folder: TempDir,
    port: u16,
    program: String,
    options: Vec<String>,
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
        Self::start_as("redis-server", options)
    }

    /// Starts another program that speaks the same, such as Valkey's.
    ///
    /// # Panics
    /// As [`RedisServer::start`].
    pub fn start_as(program: &str, options: &[&str]) -> Self {
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        // Between finding a free port and using it, somebody else may take it.
        for _ in 0..5 {
            let folder = tempfile::tempdir().expect("a folder for the server");
            let port = free_port();
            let process = spawn(program, &folder, port, &options);
            let program = program.to_owned();
            let mut server = Self { folder, port, program, options: options.clone(), process };
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
        self.process = spawn(&self.program, &self.folder, self.port, &self.options);
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

    /// Sends one command and returns the first line of the answer, or of a bulk answer its text.
    ///
    /// # Errors
    /// The connection's.
    pub fn command(&self, words: &[&str]) -> io::Result<String> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(UP_WITHIN))?;
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        (&stream).write_all(request.as_bytes())?;
        let mut reader = BufReader::new(&stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_owned();
        let Some(length) = line.strip_prefix('$').and_then(|length| length.parse::<usize>().ok()) else {
            return Ok(line);
        };
        let mut bulk = vec![0; length];
        reader.read_exact(&mut bulk)?;
        Ok(String::from_utf8_lossy(&bulk).into_owned())
    }

    /// Sends a command again and again until the answer is as wanted.
    ///
    /// # Panics
    /// If it is not in time.
    pub fn wait_for_answer(&self, words: &[&str], wanted: impl Fn(&str) -> bool) {
        let end = Instant::now() + UP_WITHIN;
        loop {
            let answer = self.command(words);
            if answer.as_ref().is_ok_and(|answer| wanted(answer)) {
                return;
            }
            assert!(Instant::now() < end, "{words:?} answers {answer:?}");
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        Command::new("kill").args([signal, &pid]).status().expect("kill runs");
    }

    fn wait_until_up(&mut self) -> bool {
        let end = Instant::now() + UP_WITHIN;
        while Instant::now() < end {
            // One that asks for a password is up too.
            if self.command(&["PING"]).is_ok_and(|answer| answer == "+PONG" || answer.starts_with("-NOAUTH")) {
                return true;
            }
            if self.process.try_wait().is_ok_and(|ended| ended.is_some()) {
                return false;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        false
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(program: &str, folder: &TempDir, port: u16, options: &[String]) -> Child {
    Command::new(program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(["--daemonize", "no", "--dir"])
        .arg(folder.path())
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; `cargo xtask test` installs it"))
}
