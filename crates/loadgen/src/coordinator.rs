//! Coordinates a run: its worker processes, its phases and its report.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::message::Protocol;
use crate::observations::Observations;
use crate::report::{Memory, Report, Window};
use crate::scenario::{Scenario, Work};
use crate::usage::Usage;
use crate::work_order::{Assignment, WorkOrder, WorkerMessage};

/// Time allowed for all connections to be ready, in addition to the time of their pace.
const READY_TIMEOUT: Duration = Duration::from_secs(120);

/// Interval of progress messages.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// A scenario and the servers under test.
pub(crate) struct Run {
    pub(crate) scenario: Scenario,
    pub(crate) targets: Vec<SocketAddr>,
    pub(crate) pids: Vec<u32>,
    pub(crate) protocol: Protocol,
    /// The Redis of the servers.
    pub(crate) redis: Option<SocketAddr>,
}

impl Run {
    fn usage(&self) -> Result<Usage> {
        Usage::of(&self.pids, self.redis)
    }
}

/// Executes a run. Progress goes to standard error.
pub(crate) fn run(run: &Run) -> Result<Report> {
    let scenario = &run.scenario;
    let empty = run.usage()?;
    let mut workers = Workers::start(run)?;
    let pace = scenario.connections as f64 / scenario.connections_a_second as f64;
    workers.wait_until_ready(Duration::from_secs_f64(pace) + READY_TIMEOUT)?;
    sleep(Duration::from_secs(scenario.settle_seconds));
    let memory = Memory::of(&empty, &run.usage()?, scenario.connections);
    let mut windows = Vec::new();
    match scenario.work {
        Work::Idle {} | Work::Ticks { .. } | Work::Mutate { .. } | Work::Days { .. } => {
            workers.broadcast(WorkOrder::Begin)?;
            windows.push(workers.record_window("all", run)?);
        }
        Work::Storm {} => {
            workers.broadcast(WorkOrder::Begin)?;
            windows.push(workers.reconnect_storm(run)?);
        }
        Work::Slow { .. } | Work::Churn { .. } => {
            workers.broadcast(WorkOrder::Begin)?;
            windows.push(workers.record_window("before", run)?);
            workers.broadcast(WorkOrder::Begin)?;
            workers.broadcast(WorkOrder::Act)?;
            windows.push(workers.record_window("during", run)?);
        }
        Work::Focus { .. } => {
            workers.broadcast(WorkOrder::Begin)?;
            windows.push(workers.record_window("idle", run)?);
            workers.broadcast(WorkOrder::Act)?;
            // The first activity of each person is stored at once; the window begins after that.
            sleep(Duration::from_secs(scenario.settle_seconds));
            workers.broadcast(WorkOrder::Begin)?;
            windows.push(workers.record_window("active", run)?);
            workers.broadcast(WorkOrder::Begin)?;
            windows.push(workers.end_sessions(run)?);
        }
    }
    Ok(Report { scenario: scenario.clone(), protocol: run.protocol, targets: run.targets.len(), memory, windows })
}

/// The worker processes of a run.
struct Workers {
    workers: Vec<WorkerProcess>,
    messages: Receiver<(usize, WorkerMessage)>,
}

struct WorkerProcess {
    process: Child,
    orders: ChildStdin,
    ready: usize,
    failures: u64,
}

impl Workers {
    fn start(run: &Run) -> Result<Self> {
        let (scenario, devices) = (&run.scenario, run.scenario.devices());
        let (sender, messages) = channel();
        let processes = scenario.processes();
        let users = scenario.connections / devices;
        let mut workers = Vec::new();
        for nth in 0..processes {
            let (first, end) = (nth * users / processes * devices, (nth + 1) * users / processes * devices);
            let assignment = Assignment {
                scenario: scenario.clone(),
                protocol: run.protocol,
                targets: run.targets.clone(),
                first,
                count: end - first,
                source: Ipv4Addr::new(127, 0, 0, u8::try_from(nth + 2).context("too many processes")?),
            };
            let mut process = Command::new(std::env::current_exe()?)
                .arg("worker")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .context("a worker process")?;
            let output = BufReader::new(process.stdout.take().context("the output of a worker")?);
            let mut orders = process.stdin.take().context("the input of a worker")?;
            write_line(&mut orders, &assignment)?;
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in output.lines().map_while(Result::ok) {
                    let Ok(message) = serde_json::from_str(&line) else { return };
                    if sender.send((nth, message)).is_err() {
                        return;
                    }
                }
            });
            workers.push(WorkerProcess { process, orders, ready: 0, failures: 0 });
        }
        Ok(Self { workers, messages })
    }

    fn broadcast(&mut self, order: WorkOrder) -> Result<()> {
        self.workers.iter_mut().try_for_each(|worker| write_line(&mut worker.orders, &order))
    }

    /// Waits until every worker has reported that all its connections are ready.
    fn wait_until_ready(&mut self, within: Duration) -> Result<()> {
        let (end, mut logged_at) = (Instant::now() + within, Instant::now());
        let mut missing = self.workers.len();
        while missing > 0 {
            match self.receive(end, &mut logged_at)? {
                Some(WorkerMessage::Ready) => missing -= 1,
                Some(WorkerMessage::Progress { .. } | WorkerMessage::Report(_)) => {}
                None => bail!("not ready in time: {}", self.progress()),
            }
        }
        Ok(())
    }

    /// Waits for the next message and logs the progress at intervals; `None` at the end.
    fn receive(&mut self, end: Instant, logged_at: &mut Instant) -> Result<Option<WorkerMessage>> {
        let message = match self.messages.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok((nth, message)) => {
                if let WorkerMessage::Progress { ready, failures } = &message {
                    (self.workers[nth].ready, self.workers[nth].failures) = (*ready, *failures);
                }
                Some(message)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => bail!("the workers have exited"),
        };
        if logged_at.elapsed() > PROGRESS_INTERVAL {
            eprintln!("{}", self.progress());
            *logged_at = Instant::now();
        }
        Ok(message)
    }

    fn progress(&self) -> String {
        let ready: usize = self.workers.iter().map(|worker| worker.ready).sum();
        let failures: u64 = self.workers.iter().map(|worker| worker.failures).sum();
        format!("{ready} connections ready, {failures} failures so far")
    }

    /// Waits for the length of a window and returns its measurements.
    fn record_window(&mut self, name: &str, run: &Run) -> Result<Window> {
        let (before, started) = (run.usage()?, Instant::now());
        let (end, mut logged_at) = (started + Duration::from_secs(run.scenario.seconds), started);
        while self.receive(end, &mut logged_at)?.is_some() {}
        self.end_window(name, run, before, started)
    }

    /// Reconnects all connections and returns the measurements.
    fn reconnect_storm(&mut self, run: &Run) -> Result<Window> {
        let (before, started) = (run.usage()?, Instant::now());
        self.broadcast(WorkOrder::Act)?;
        self.wait_until_ready(READY_TIMEOUT)?;
        self.end_window("storm", run, before, started)
    }

    /// Ends all sessions and returns the measurements.
    fn end_sessions(&mut self, run: &Run) -> Result<Window> {
        let (before, started) = (run.usage()?, Instant::now());
        self.broadcast(WorkOrder::End)?;
        self.wait_until_ready(READY_TIMEOUT)?;
        self.end_window("ends", run, before, started)
    }

    fn end_window(&mut self, name: &str, run: &Run, before: Usage, started: Instant) -> Result<Window> {
        let (after, took) = (run.usage()?, started.elapsed());
        Ok(Window::of(name, took, &before, &after, self.observations()?))
    }

    fn observations(&mut self) -> Result<Observations> {
        self.broadcast(WorkOrder::Report)?;
        let mut all = Observations::default();
        let mut missing = self.workers.len();
        while missing > 0 {
            if let (_, WorkerMessage::Report(report)) =
                self.messages.recv_timeout(READY_TIMEOUT).context("the report of a worker")?
            {
                all.add(&report);
                missing -= 1;
            }
        }
        Ok(all)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            worker.process.kill().ok();
            worker.process.wait().ok();
        }
    }
}

fn write_line(out: &mut impl Write, line: &impl serde::Serialize) -> Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    Ok(out.write_all(&text)?)
}
