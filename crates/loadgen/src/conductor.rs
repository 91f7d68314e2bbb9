//! A run: its processes, its phases, and what it all comes to.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::host::Usage;
use crate::message::Speech;
use crate::order::{Order, Share, Word};
use crate::report::{Memory, Report, Window};
use crate::scenario::{Scenario, Work};
use crate::seen::Seen;

/// How long all connections may take to be where they should be, besides the time that their pace takes.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// How often a run tells how it goes.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Servers to be measured, and how.
pub(crate) struct Run {
    pub(crate) scenario: Scenario,
    pub(crate) targets: Vec<SocketAddr>,
    pub(crate) pids: Vec<u32>,
    pub(crate) speech: Speech,
}

/// Carries a run out. Tells how it goes on the standard error.
pub(crate) fn run(run: &Run) -> Result<Report> {
    let scenario = &run.scenario;
    let empty = Usage::of(&run.pids)?;
    let mut crew = Crew::start(run)?;
    let pace = scenario.connections as f64 / scenario.connections_a_second as f64;
    crew.wait_until_ready(Duration::from_secs_f64(pace) + READY_WITHIN)?;
    sleep(Duration::from_secs(scenario.settle_seconds));
    let memory = Memory::of(&empty, &Usage::of(&run.pids)?, scenario.connections);
    let mut windows = Vec::new();
    match scenario.work {
        Work::Idle {} | Work::Ticks { .. } | Work::Mutate { .. } => {
            crew.tell(Order::Begin)?;
            windows.push(crew.watch("all", run)?);
        }
        Work::Storm {} => {
            crew.tell(Order::Begin)?;
            windows.push(crew.storm(run)?);
        }
        Work::Slow { .. } | Work::Churn { .. } => {
            crew.tell(Order::Begin)?;
            windows.push(crew.watch("before", run)?);
            crew.tell(Order::Begin)?;
            crew.tell(Order::Act)?;
            windows.push(crew.watch("during", run)?);
        }
    }
    Ok(Report { scenario: scenario.clone(), speech: run.speech, targets: run.targets.len(), memory, windows })
}

/// The processes of a run.
struct Crew {
    members: Vec<Member>,
    words: Receiver<(usize, Word)>,
}

struct Member {
    process: Child,
    orders: ChildStdin,
    ready: usize,
    failures: u64,
}

impl Crew {
    fn start(run: &Run) -> Result<Self> {
        let (scenario, devices) = (&run.scenario, run.scenario.devices());
        let (teller, words) = channel();
        let processes = scenario.processes();
        let users = scenario.connections / devices;
        let mut members = Vec::new();
        for nth in 0..processes {
            let (first, end) = (nth * users / processes * devices, (nth + 1) * users / processes * devices);
            let share = Share {
                scenario: scenario.clone(),
                speech: run.speech,
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
                .context("a process of the run")?;
            let told = BufReader::new(process.stdout.take().context("its output")?);
            let mut orders = process.stdin.take().context("its input")?;
            write_line(&mut orders, &share)?;
            let teller = teller.clone();
            std::thread::spawn(move || {
                for line in told.lines().map_while(Result::ok) {
                    let Ok(word) = serde_json::from_str(&line) else { return };
                    if teller.send((nth, word)).is_err() {
                        return;
                    }
                }
            });
            members.push(Member { process, orders, ready: 0, failures: 0 });
        }
        Ok(Self { members, words })
    }

    fn tell(&mut self, order: Order) -> Result<()> {
        self.members.iter_mut().try_for_each(|member| write_line(&mut member.orders, &order))
    }

    /// Waits until every process has said that all its connections are ready.
    fn wait_until_ready(&mut self, within: Duration) -> Result<()> {
        let (end, mut said) = (Instant::now() + within, Instant::now());
        let mut missing = self.members.len();
        while missing > 0 {
            match self.hear(end, &mut said)? {
                Some(Word::Ready) => missing -= 1,
                Some(Word::Progress { .. } | Word::Seen(_)) => {}
                None => bail!("not ready in time: {}", self.progress()),
            }
        }
        Ok(())
    }

    /// Waits for the next word, and tells now and then how it goes; `None` at the end.
    fn hear(&mut self, end: Instant, said: &mut Instant) -> Result<Option<Word>> {
        let word = match self.words.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok((nth, word)) => {
                if let Word::Progress { ready, failures } = &word {
                    (self.members[nth].ready, self.members[nth].failures) = (*ready, *failures);
                }
                Some(word)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => bail!("the processes have ended"),
        };
        if said.elapsed() > PROGRESS_EVERY {
            eprintln!("{}", self.progress());
            *said = Instant::now();
        }
        Ok(word)
    }

    fn progress(&self) -> String {
        let ready: usize = self.members.iter().map(|member| member.ready).sum();
        let failures: u64 = self.members.iter().map(|member| member.failures).sum();
        format!("{ready} connections ready, {failures} failures so far")
    }

    /// Lets a window pass and returns what was seen in it.
    fn watch(&mut self, name: &str, run: &Run) -> Result<Window> {
        let (before, began) = (Usage::of(&run.pids)?, Instant::now());
        let (end, mut said) = (began + Duration::from_secs(run.scenario.seconds), began);
        while self.hear(end, &mut said)?.is_some() {}
        self.end_window(name, run, before, began)
    }

    /// Has all connections come again and returns how that went.
    fn storm(&mut self, run: &Run) -> Result<Window> {
        let (before, began) = (Usage::of(&run.pids)?, Instant::now());
        self.tell(Order::Act)?;
        self.wait_until_ready(READY_WITHIN)?;
        self.end_window("storm", run, before, began)
    }

    fn end_window(&mut self, name: &str, run: &Run, before: Usage, began: Instant) -> Result<Window> {
        let (after, took) = (Usage::of(&run.pids)?, began.elapsed());
        Ok(Window::of(name, took, &before, &after, self.seen()?))
    }

    fn seen(&mut self) -> Result<Seen> {
        self.tell(Order::Report)?;
        let mut all = Seen::default();
        let mut missing = self.members.len();
        while missing > 0 {
            if let (_, Word::Seen(seen)) = self.words.recv_timeout(READY_WITHIN).context("a process's report")? {
                all.add(&seen);
                missing -= 1;
            }
        }
        Ok(all)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for member in &mut self.members {
            member.process.kill().ok();
            member.process.wait().ok();
        }
    }
}

fn write_line(out: &mut impl Write, line: &impl serde::Serialize) -> Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    Ok(out.write_all(&text)?)
}
