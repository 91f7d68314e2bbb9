//! `baseline-commit <redis-address> <scopes> <seconds>`: pauses and resumes a session in each scope with the commit script of the
//! nodes, from one connection that has a commit of each scope in flight. Two subscribers receive the updates, as two nodes do.
//! Prints the number of commits and their time as JSON.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

const SCRIPT: &str = include_str!("../../../crates/store/src/redis/commit.lua");

/// An instant after every commit of a run, ms.
const NEVER: &str = "9000000000000";

/// The session of a person as a node stores it.
const SESSION: &str = r#"{"v":1,"stopwatch":{"sessionId":"s0","label":"load","status":"paused","startedAt":1795996630744,"accumulatedMs":1795996630}}"#;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, scopes, seconds] = arguments.as_slice() else {
        bail!("usage: baseline-commit <redis-address> <scopes> <seconds>")
    };
    let scopes: usize = scopes.parse().context("the number of scopes")?;
    let window = Duration::from_secs(seconds.parse().context("the number of seconds")?);
    ensure!(scopes > 0, "the number of scopes is 0");
    let mut connection = Connection::open(address)?;
    let script = connection.load_script()?;
    for _ in 0..2 {
        let subscriber = subscribe(address, scopes)?;
        thread::spawn(move || discard(subscriber));
    }
    let begun = Instant::now();
    let (mut sent, mut done) = (0, 0);
    while begun.elapsed() < window {
        let mut batch = Vec::new();
        while sent < done + scopes {
            batch.extend(commit(&script, sent % scopes, sent / scopes));
            sent += 1;
        }
        connection.stream.write_all(&batch)?;
        done += connection.read_answers()?;
    }
    println!("{}", serde_json::json!({ "commits": done, "seconds": begun.elapsed().as_secs_f64() }));
    Ok(())
}

/// A connection, and the beginning of an answer that was not received whole.
struct Connection {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Connection {
    fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("a connection to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, rest: Vec::new() })
    }

    /// Loads the script; returns its hash.
    fn load_script(&mut self) -> Result<String> {
        self.stream.write_all(&command(&[b"SCRIPT", b"LOAD", SCRIPT.as_bytes()]))?;
        let mut lines = Vec::new();
        while lines.len() < 2 {
            lines.extend(self.read_lines()?);
        }
        ensure!(lines[0] == "$40", "the script was not loaded: {}", lines[0]);
        Ok(lines.swap_remove(1))
    }

    /// Waits for answers; returns how many commits they confirm.
    fn read_answers(&mut self) -> Result<usize> {
        let mut done = 0;
        for line in self.read_lines()? {
            match line.as_bytes().first() {
                Some(b'*' | b'$' | b':') => {}
                _ if line == "done" => done += 1,
                _ => bail!("a commit failed: {line}"),
            }
        }
        Ok(done)
    }

    fn read_lines(&mut self) -> Result<Vec<String>> {
        let mut bytes = [0; 65_536];
        let count = self.stream.read(&mut bytes)?;
        ensure!(count > 0, "Redis closed the connection");
        self.rest.extend_from_slice(&bytes[..count]);
        let Some(end) = self.rest.windows(2).rposition(|pair| pair == b"\r\n") else { return Ok(Vec::new()) };
        let lines: Vec<u8> = self.rest.drain(..end + 2).collect();
        Ok(String::from_utf8(lines)?.split_terminator("\r\n").map(str::to_owned).collect())
    }
}

fn subscribe(address: &str, scopes: usize) -> Result<TcpStream> {
    let mut connection = Connection::open(address)?;
    for scope in 0..scopes {
        connection.stream.write_all(&command(&[b"SUBSCRIBE", channel(scope).as_bytes()]))?;
    }
    let mut confirmed = 0;
    while confirmed < scopes {
        confirmed += connection.read_lines()?.iter().filter(|line| *line == "subscribe").count();
    }
    Ok(connection.stream)
}

fn discard(mut stream: TcpStream) {
    let mut bytes = [0; 65_536];
    while matches!(stream.read(&mut bytes), Ok(count) if count > 0) {}
}

fn channel(scope: usize) -> String {
    format!("tickcast:{{{scope}}}:user:load-{scope}")
}

/// Returns the `nth` commit of a scope, as a node sends it: one changed session, and no deadline, end, or history.
fn commit(script: &str, scope: usize, nth: usize) -> Vec<u8> {
    let key = |kind: &str| format!("tickcast:{{{scope}}}:{kind}:user:load-{scope}");
    let tag = |nth: usize| format!("{nth:016x}");
    let expected = if nth == 0 { String::new() } else { tag(nth) };
    let id = (scope << 40 | nth).to_be_bytes();
    let update = format!(
        r#"{{"v":1,"scope":"user:load-{scope}","prev":"{}","rev":{},"tag":"{}","at":1795996630744,"put":{{"stopwatch:s0":{SESSION}}},"removed":[],"decided":1795996630744}}"#,
        tag(nth),
        nth + 1,
        tag(nth + 1)
    );
    command(&[
        b"EVALSHA",
        script.as_bytes(),
        b"4",
        key("board").as_bytes(),
        format!("tickcast:{{{scope}}}:due").as_bytes(),
        key("history").as_bytes(),
        key("history-index").as_bytes(),
        expected.as_bytes(),
        &id,
        NEVER.as_bytes(),
        NEVER.as_bytes(),
        tag(nth + 1).as_bytes(),
        b"1795996630744",
        format!("user:load-{scope}").as_bytes(),
        b"",
        b"PUBLISH",
        channel(scope).as_bytes(),
        update.as_bytes(),
        b"",
        b"after",
        b"50000",
        b"33554432",
        b"1",
        b"stopwatch:s0",
        SESSION.as_bytes(),
        b"0",
        b"0",
        b"0",
    ])
}

fn command(arguments: &[&[u8]]) -> Vec<u8> {
    let mut text = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        text.extend(format!("${}\r\n", argument.len()).as_bytes());
        text.extend_from_slice(argument);
        text.extend(b"\r\n");
    }
    text
}
