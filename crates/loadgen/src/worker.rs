//! A worker process: holds its connections on one thread.

use std::io::{BufRead, BufReader, Write, stdin};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, interval, sleep_until};

use crate::client;
use crate::client_pool::ClientPool;
use crate::scenario::Work;
use crate::work_order::{Assignment, WorkOrder, WorkerMessage};

/// Interval at which the connections are checked.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Number of checks per progress message.
const POLLS_PER_PROGRESS: u32 = 20;

/// Executes orders from standard input until it ends.
pub(crate) fn run() -> Result<()> {
    let mut lines = BufReader::new(stdin()).lines();
    let assignment: Assignment = serde_json::from_str(&lines.next().context("no assignment on standard input")??)?;
    let (sender, orders) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let Ok(order) = serde_json::from_str(&line) else { return };
            if sender.send(order).is_err() {
                return;
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, serve(Rc::new(ClientPool::new(assignment)), orders))
}

async fn serve(pool: Rc<ClientPool>, mut orders: UnboundedReceiver<WorkOrder>) -> Result<()> {
    spawn_local(open_all(Rc::clone(&pool)));
    let mut polls = interval(POLL_INTERVAL);
    let (mut nth, mut awaited) = (0, pool.assignment.count);
    let mut ready_sent = false;
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                None => return Ok(()),
                Some(WorkOrder::Begin) => pool.begin(),
                Some(WorkOrder::Act) => {
                    Rc::clone(&pool).start_work();
                    if matches!(pool.assignment.scenario.work, Work::Storm {}) {
                        awaited += pool.assignment.count;
                        ready_sent = false;
                    }
                }
                Some(WorkOrder::End) => {
                    pool.end_sessions();
                    awaited += pool.assignment.count;
                    ready_sent = false;
                }
                Some(WorkOrder::Report) => send(&WorkerMessage::Report(Box::new(pool.end())))?,
            },
            _ = polls.tick() => {
                nth += 1;
                if !ready_sent && pool.arrived.get() >= awaited {
                    ready_sent = true;
                    send(&WorkerMessage::Ready)?;
                } else if nth % POLLS_PER_PROGRESS == 0 {
                    send(&WorkerMessage::Progress { ready: pool.ready.get(), failures: pool.failures() })?;
                }
            }
        }
    }
}

/// Opens the connections at the pace of the scenario.
async fn open_all(pool: Rc<ClientPool>) {
    let Assignment { first, count, scenario, .. } = &pool.assignment;
    let pace = scenario.connections_a_second as f64 * *count as f64 / scenario.connections as f64;
    let started = Instant::now();
    for nth in 0..*count {
        spawn_local(client::run(Rc::clone(&pool), first + nth, pool.add()));
        sleep_until(started + Duration::from_secs_f64((nth + 1) as f64 / pace)).await;
    }
}

fn send(message: &WorkerMessage) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, message)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}
