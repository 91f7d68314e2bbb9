//! The servers of one measurement.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::collector::{Collector, Reader};
use super::{Parts, System, Telemetry};
use crate::member::Member;
use crate::probe;

/// How long all may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Running servers; they end with it.
pub(super) struct Running {
    /// Those that are measured.
    servers: Vec<Server>,
    redis: Option<(u16, Member)>,
    collector: Option<Collector>,
    readers: Vec<Reader>,
}

struct Server {
    port: u16,
    member: Member,
}

impl Running {
    /// Starts a system and waits until it is ready.
    pub(super) fn start(parts: &Parts, system: System) -> Result<Self> {
        let mut running = Self { servers: Vec::new(), redis: None, collector: None, readers: Vec::new() };
        match system {
            System::Tickcast { nodes, telemetry } => running.start_nodes(parts, nodes, telemetry)?,
            System::Rooms { nodes } => running.start_nodes(parts, nodes, Telemetry::Usual)?,
            System::Bare => {
                let port = probe::free_ports(1)?[0];
                let mut command = Command::new(parts.binaries.join("baseline-bare"));
                command.arg(format!("127.0.0.1:{port}"));
                running.add("bare", port, command, &parts.folder)?;
            }
            System::Express => {
                let port = probe::free_ports(1)?[0];
                let mut command = Command::new(&parts.tools.node);
                command.arg(parts.root.join("benches/baseline-node/server.js")).arg(port.to_string());
                running.add("express", port, command, &parts.folder)?;
            }
            System::SocketIo => {
                let redis = running.start_redis(parts)?;
                let port = probe::free_ports(1)?[0];
                let mut command = Command::new(&parts.tools.node);
                command.arg(parts.root.join("benches/baseline-socketio/server.js"));
                command.args([port.to_string(), format!("redis://127.0.0.1:{redis}")]);
                running.add("socketio", port, command, &parts.folder)?;
            }
        }
        let ports: Vec<u16> = running.servers.iter().map(|server| server.port).collect();
        running.wait_until(|| ports.iter().all(|port| probe::listens(*port)))?;
        Ok(running)
    }

    fn start_nodes(&mut self, parts: &Parts, nodes: usize, telemetry: Telemetry) -> Result<()> {
        let redis = self.start_redis(parts)?;
        let collector = matches!(telemetry, Telemetry::Traced(_)).then(Collector::start).transpose()?;
        for nth in 1..=nodes {
            let ports = probe::free_ports(2)?;
            let mut command = tickcast(parts, redis, &ports);
            command.envs(variables(telemetry, collector.as_ref()));
            self.add(&format!("node-{nth}"), ports[0], command, &parts.folder)?;
            self.wait_until(|| probe::answers(ports[1], "/readyz"))?;
            if matches!(telemetry, Telemetry::Fetched | Telemetry::Traced(_)) {
                self.readers.push(Reader::start(ports[1]));
            }
        }
        self.collector = collector;
        Ok(())
    }

    /// The addresses for clients, as loadgen takes them.
    pub(super) fn targets(&self) -> String {
        self.servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect::<Vec<_>>().join(",")
    }

    /// How many bytes of spans were sent.
    pub(super) fn sent_to_collector(&self) -> u64 {
        self.collector.as_ref().map_or(0, Collector::taken)
    }

    /// The processes that are measured, as loadgen takes them.
    pub(super) fn pids(&self) -> String {
        self.servers.iter().map(|server| server.member.pid().to_string()).collect::<Vec<_>>().join(",")
    }

    /// The ends of all logs.
    pub(super) fn tails(&self) -> String {
        self.servers.iter().map(|server| server.member.tail()).collect()
    }

    /// How many loads and scripts Redis has carried out so far: each is a round trip of somebody.
    pub(super) fn redis_calls(&self) -> Result<u64> {
        let Some((port, _)) = &self.redis else { return Ok(0) };
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, *port))?;
        stream.write_all(b"INFO commandstats\r\nQUIT\r\n")?;
        let mut told = String::new();
        stream.read_to_string(&mut told)?;
        let calls = |command: &str| {
            let line = told.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
            line.and_then(|line| line.split(',').next()?.parse::<u64>().ok()).unwrap_or(0)
        };
        // A load is an HGETALL and its TIME in one trip.
        Ok(calls("evalsha") + calls("eval") + calls("hgetall"))
    }

    fn start_redis(&mut self, parts: &Parts) -> Result<u16> {
        let port = probe::free_ports(1)?[0];
        let mut command = Command::new(&parts.tools.redis);
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        self.redis = Some((port, Member::start("redis", command, &parts.folder)?));
        self.wait_until(|| probe::listens(port))?;
        Ok(port)
    }

    fn add(&mut self, name: &str, port: u16, command: Command, folder: &Path) -> Result<()> {
        self.servers.push(Server { port, member: Member::start(name, command, folder)? });
        Ok(())
    }

    fn wait_until(&mut self, holds: impl Fn() -> bool) -> Result<()> {
        let end = Instant::now() + READY_WITHIN;
        while !holds() {
            self.servers.iter_mut().try_for_each(|server| server.member.runs())?;
            ensure!(Instant::now() < end, "not ready within {READY_WITHIN:?}\n{}", self.tails());
            sleep(LOOK_EVERY);
        }
        Ok(())
    }
}

/// What the environment says to nodes of telemetry.
fn variables(telemetry: Telemetry, collector: Option<&Collector>) -> Vec<(&'static str, String)> {
    match (telemetry, collector) {
        (Telemetry::Off, _) => vec![("OTEL_SDK_DISABLED", "true".to_owned())],
        (Telemetry::Traced(share), Some(collector)) => vec![
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", collector.address()),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio".to_owned()),
            ("OTEL_TRACES_SAMPLER_ARG", share.to_owned()),
        ],
        (Telemetry::Usual | Telemetry::Fetched | Telemetry::Traced(_), _) => Vec::new(),
    }
}

fn tickcast(parts: &Parts, redis: u16, ports: &[u16]) -> Command {
    let mut command = Command::new(parts.binaries.join("tickcast"));
    command
        .env("TICKCAST__STORE__URL", format!("redis://127.0.0.1:{redis}"))
        .env("TICKCAST__PUBLIC__LISTEN", format!("127.0.0.1:{}", ports[0]))
        .env("TICKCAST__INTERNAL__LISTEN", format!("127.0.0.1:{}", ports[1]))
        .env("TICKCAST__LIMITS__CONNECTIONS", "16000");
    command
}
