//! One process of a run: holds its share of the connections on one thread.

use std::io::{BufRead, BufReader, Write, stdin};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, interval, sleep_until};

use crate::client;
use crate::crowd::Crowd;
use crate::order::{Order, Share, Word};
use crate::scenario::Work;

/// How often it is looked whether all connections are ready.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// So many looks pass between two words of progress.
const LOOKS_A_WORD: u32 = 20;

/// Serves orders from the standard input until it ends.
pub(crate) fn run() -> Result<()> {
    let mut lines = BufReader::new(stdin()).lines();
    let share: Share = serde_json::from_str(&lines.next().context("no share in the run")??)?;
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
    LocalSet::new().block_on(&runtime, serve(Rc::new(Crowd::new(share)), orders))
}

async fn serve(crowd: Rc<Crowd>, mut orders: UnboundedReceiver<Order>) -> Result<()> {
    spawn_local(open_all(Rc::clone(&crowd)));
    let mut looks = interval(LOOK_EVERY);
    let (mut nth, mut awaited) = (0, crowd.share.count);
    let mut told = false;
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                None => return Ok(()),
                Some(Order::Begin) => crowd.begin(),
                Some(Order::Act) => {
                    Rc::clone(&crowd).act();
                    if matches!(crowd.share.scenario.work, Work::Storm {}) {
                        awaited += crowd.share.count;
                        told = false;
                    }
                }
                Some(Order::Report) => say(&Word::Seen(Box::new(crowd.end())))?,
            },
            _ = looks.tick() => {
                nth += 1;
                if !told && crowd.arrived.get() >= awaited {
                    told = true;
                    say(&Word::Ready)?;
                } else if nth % LOOKS_A_WORD == 0 {
                    say(&Word::Progress { ready: crowd.ready.get(), failures: crowd.failures() })?;
                }
            }
        }
    }
}

/// Opens the connections at the scenario's pace.
async fn open_all(crowd: Rc<Crowd>) {
    let Share { first, count, scenario, .. } = &crowd.share;
    let pace = scenario.connections_a_second as f64 * *count as f64 / scenario.connections as f64;
    let began = Instant::now();
    for nth in 0..*count {
        spawn_local(client::run(Rc::clone(&crowd), first + nth, crowd.add_one()));
        sleep_until(began + Duration::from_secs_f64((nth + 1) as f64 / pace)).await;
    }
}

fn say(word: &Word) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, word)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}
