//! The writes of an import, one part after the other.

use crate::commands::Failure;
use crate::commands::interrupts::Interrupts;
use crate::commands::progress::Progress;

/// What an import writes: how much of what.
#[derive(Clone, Copy)]
pub(super) struct Amount {
    pub(super) total: u64,
    /// The plural of what is counted.
    pub(super) unit: &'static str,
}

/// Writes parts, each with its share of the amount, until one fails or a signal comes. The failure says how far it came.
pub(super) async fn write_all<P>(
    parts: impl Iterator<Item = (u64, P)>,
    Amount { total, unit }: Amount,
    interrupts: &mut Interrupts,
    mut write: impl AsyncFnMut(P) -> Result<(), String>,
) -> Result<(), Failure> {
    let mut progress = Progress::new(format!("writing {unit}"), total);
    let mut done = 0;
    for (share, part) in parts {
        let why = tokio::select! {
            written = write(part) => written.err(),
            () = interrupts.next() => Some("a signal".to_owned()),
        };
        if let Some(why) = why {
            drop(progress);
            return Err(Failure::interrupted(format!(
                "interrupted after {done} of {total} {unit}: {why}\nthe {unit} so far are stored; the same command, once \
                 more, imports the rest"
            )));
        }
        done += share;
        progress.show(done);
    }
    Ok(())
}
