//! The servers of one measurement.

use std::io::{Read, Write};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::observers::{Collector, Scraper};
use super::{BenchSetup, System, Telemetry, centrifugo};
use crate::child::{self, ChildProcess};
use crate::ports;
use crate::servers::{self, NodePorts};

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Running servers, which are killed when it is dropped.
pub(super) struct Deployment {
    /// Public ports and pids of the measured servers.
    measured: Vec<(u16, u32)>,
    /// Pids of other processes that do the servers' work.
    helpers: Vec<u32>,
    /// Internal ports of the nodes.
    internal: Vec<u16>,
    redis_port: Option<u16>,
    collector: Option<Collector>,
    scrapers: Vec<Scraper>,
    processes: Vec<ChildProcess>,
}

impl Deployment {
    /// Starts a system and waits until it accepts connections.
    pub(super) fn start(setup: &BenchSetup, system: System) -> Result<Self> {
        let (measured, scrapers, processes) = (Vec::new(), Vec::new(), Vec::new());
        let (helpers, internal, redis_port, collector) = (Vec::new(), Vec::new(), None, None);
        let mut deployment = Self { measured, helpers, internal, redis_port, collector, scrapers, processes };
        match system {
            System::Tickcast { nodes, telemetry } => deployment.start_nodes(setup, nodes, telemetry)?,
            System::Rooms { nodes } | System::Studio { nodes } => {
                deployment.start_nodes(setup, nodes, Telemetry::Default)?;
            }
            System::Bare => {
                let port = ports::free_ports(1)?[0];
                let mut command = Command::new(setup.binaries.join("baseline-bare"));
                command.arg(format!("127.0.0.1:{port}"));
                deployment.add("bare", port, command, setup)?;
            }
            System::Express => {
                let port = ports::free_ports(1)?[0];
                let mut command = Command::new(&setup.node);
                command.arg(setup.root.join("benches/baseline-node/server.js")).arg(port.to_string());
                deployment.add("express", port, command, setup)?;
            }
            System::Centrifugo { users } => deployment.start_centrifugo(setup, users)?,
            System::Subscribe => {
                let redis = deployment.start_redis(setup)?;
                let port = ports::free_ports(1)?[0];
                let mut command = Command::new(setup.binaries.join("baseline-subscribe"));
                command.args([format!("127.0.0.1:{port}"), format!("redis://127.0.0.1:{redis}")]);
                deployment.add("subscribe", port, command, setup)?;
            }
            System::PipeliningClient => drop(deployment.start_redis(setup)?),
            System::SocketIo => {
                let redis = deployment.start_redis(setup)?;
                let port = ports::free_ports(1)?[0];
                let mut command = Command::new(&setup.node);
                command.arg(setup.root.join("benches/baseline-socketio/server.js"));
                command.args([port.to_string(), format!("redis://127.0.0.1:{redis}")]);
                deployment.add("socketio", port, command, setup)?;
            }
        }
        let ports: Vec<u16> = deployment.measured.iter().map(|(port, _)| *port).collect();
        deployment.wait_until(|| ports.iter().all(|port| ports::is_open(*port)))?;
        Ok(deployment)
    }

    fn start_nodes(&mut self, setup: &BenchSetup, nodes: usize, telemetry: Telemetry) -> Result<()> {
        let redis = self.start_redis(setup)?;
        self.collector = matches!(telemetry, Telemetry::Traced(_)).then(Collector::start).transpose()?;
        for number in 1..=nodes {
            let free = ports::free_ports(2)?;
            let ports = NodePorts { public: free[0], internal: free[1] };
            let mut command = servers::tickcast(&setup.binaries.join("tickcast"), redis, ports);
            command.env("TICKCAST__LIMITS__CONNECTIONS", "16000").env("TICKCAST__AUTH__TEST_HEADERS", "true");
            // A client that mutates without pauses is no flood here.
            command.env("TICKCAST__LIMITS__MESSAGES_PER_SECOND", "100000");
            command.envs(telemetry_variables(telemetry, self.collector.as_ref()));
            self.add(&format!("node-{number}"), ports.public, command, setup)?;
            self.wait_until(|| ports::is_ok(ports.internal, "/readyz"))?;
            self.internal.push(ports.internal);
            if matches!(telemetry, Telemetry::Scraped | Telemetry::Traced(_)) {
                self.scrapers.push(Scraper::start(ports.internal));
            }
        }
        Ok(())
    }

    fn start_centrifugo(&mut self, setup: &BenchSetup, users: usize) -> Result<()> {
        let program = setup.centrifugo.as_ref().context("Go is not installed")?;
        let redis = self.start_redis(setup)?;
        self.helpers.extend(self.processes.last().map(ChildProcess::pid));
        let port = ports::free_ports(1)?[0];
        self.add("centrifugo", port, centrifugo::server(program, port, redis), setup)?;
        self.wait_until(|| ports::is_open(port))?;
        let mut ticker = Command::new(setup.binaries.join("baseline-centrifugo"));
        ticker.args([format!("127.0.0.1:{port}"), users.to_string()]);
        let ticker = ChildProcess::start("ticker", ticker, &setup.folder)?;
        self.helpers.push(ticker.pid());
        self.processes.push(ticker);
        Ok(())
    }

    /// Returns the addresses of the measured servers, as loadgen takes them.
    pub(super) fn targets(&self) -> String {
        self.measured.iter().map(|(port, _)| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
    }

    /// Returns the pids of the measured servers, as loadgen takes them.
    pub(super) fn pids(&self) -> String {
        let pids = self.processes().chain(self.helpers.iter().copied());
        pids.map(|pid| pid.to_string()).collect::<Vec<_>>().join(",")
    }

    /// Returns the address of the Redis, if there is one.
    pub(super) fn redis_address(&self) -> Option<String> {
        self.redis_port.map(|port| format!("127.0.0.1:{port}"))
    }

    /// Returns the arguments that tell loadgen of the Redis, if there is one.
    pub(super) fn redis_arguments(&self) -> Vec<String> {
        self.redis_address().map_or_else(Vec::new, |address| vec!["--redis".to_owned(), address])
    }

    /// Returns the number of bytes of spans that the nodes have exported.
    pub(super) fn exported_bytes(&self) -> u64 {
        self.collector.as_ref().map_or(0, Collector::received)
    }

    pub(super) fn log_tails(&self) -> String {
        self.processes.iter().map(ChildProcess::log_tail).collect()
    }

    /// Returns the number of loads and scripts that Redis has executed. Each is one round trip.
    pub(super) fn redis_calls(&self) -> Result<u64> {
        let answer = self.redis_info("commandstats")?;
        let calls = |command: &str| {
            let line = answer.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
            line.and_then(|line| line.split(',').next()?.parse::<u64>().ok()).unwrap_or(0)
        };
        // A load is an HGETALL with a TIME in the same round trip.
        Ok(calls("evalsha") + calls("eval") + calls("hgetall"))
    }

    /// Returns a section of the statistics of Redis; nothing if there is none.
    pub(super) fn redis_info(&self, section: &str) -> Result<String> {
        let Some(port) = self.redis_port else { return Ok(String::new()) };
        let mut stream = ports::connect(port)?;
        stream.write_all(format!("INFO {section}\r\nQUIT\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Returns the process ids of the measured servers.
    pub(super) fn processes(&self) -> impl Iterator<Item = u32> {
        self.measured.iter().map(|(_, pid)| *pid)
    }

    /// Returns the internal ports of the nodes.
    pub(super) fn internal_ports(&self) -> &[u16] {
        &self.internal
    }

    fn start_redis(&mut self, setup: &BenchSetup) -> Result<u16> {
        let port = ports::free_ports(1)?[0];
        let command = servers::redis(&setup.redis, port);
        self.processes.push(ChildProcess::start("redis", command, &setup.folder)?);
        self.redis_port = Some(port);
        self.wait_until(|| ports::is_open(port))?;
        Ok(port)
    }

    /// Starts a server that is measured.
    fn add(&mut self, name: &str, port: u16, command: Command, setup: &BenchSetup) -> Result<()> {
        let process = ChildProcess::start(name, command, &setup.folder)?;
        self.measured.push((port, process.pid()));
        self.processes.push(process);
        Ok(())
    }

    fn wait_until(&mut self, condition: impl Fn() -> bool) -> Result<()> {
        child::wait_until(&mut self.processes, START_TIMEOUT, condition)
    }
}

/// Returns the environment variables that configure the telemetry of a node.
fn telemetry_variables(telemetry: Telemetry, collector: Option<&Collector>) -> Vec<(&'static str, String)> {
    match (telemetry, collector) {
        (Telemetry::Off, _) => vec![("OTEL_SDK_DISABLED", "true".to_owned())],
        (Telemetry::Traced(ratio), Some(collector)) => vec![
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", collector.endpoint()),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio".to_owned()),
            ("OTEL_TRACES_SAMPLER_ARG", ratio.to_owned()),
        ],
        (Telemetry::Default | Telemetry::Scraped | Telemetry::Traced(_), _) => Vec::new(),
    }
}
