//! `loadgen`: opens many connections to a Tickcast, runs a timer on each, and says how the ticks came.

mod arguments;
mod client;
mod report;

use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::arguments::Arguments;
use crate::report::Report;

/// Pause between two connections: a thousand a second, so that the storm is not what is measured.
const CONNECT_EVERY: Duration = Duration::from_millis(1);

fn main() -> Result<()> {
    let arguments = Arguments::from_command_line()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(measure(&arguments));
    print!("{report}");
    report.verdict()
}

async fn measure(arguments: &Arguments) -> Report {
    let mut clients = JoinSet::new();
    for nth in 0..arguments.connections {
        clients.spawn(client::follow(arguments.clone(), nth));
        sleep(CONNECT_EVERY).await;
    }
    let mut report = Report::default();
    while let Some(ended) = clients.join_next().await {
        match ended.map_err(anyhow::Error::from).and_then(|ended| ended) {
            Ok(seen) => report.add(&seen),
            Err(error) => report.failed(&error),
        }
    }
    report
}
