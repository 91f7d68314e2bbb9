//! `tickcast restore`: writes the scopes of a backup into the store.

mod batches;
mod connections;
mod preconditions;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args;
use engine::StoreTime;
use engine::store::{Fault, RestoreStep, Transfer};
use timers::{Millis, Timestamp};

use crate::commands::Failure;
use crate::commands::backup_file::{BackupReader, End, ReadError};
use crate::commands::interrupts::Interrupts;
use crate::commands::progress::Progress;
use crate::commands::restore::batches::{Batch, Batches};
use crate::commands::store_connection::{StoreConnection, retried};
use crate::ops::config::Settings;

/// The options of `tickcast restore`.
#[derive(Args)]
pub(crate) struct RestoreCommand {
    /// The file that `tickcast backup` has written
    file: PathBuf,
    /// Restores into a store that is not empty: scopes of the backup replace those of the store, and others stay
    #[arg(long)]
    into_existing: bool,
}

/// A file that was checked as a whole.
struct CheckedFile<'f> {
    path: &'f Path,
    id: u64,
    end: End,
}

/// Restores the backup. All of the file is checked before anything is written.
pub(crate) async fn run(command: &RestoreCommand, settings: &Settings) -> Result<(), Failure> {
    let file = check(&command.file)?;
    let mut interrupts = Interrupts::new()
        .map_err(|error| Failure::unavailable(format!("the signals of the process cannot be read: {error}")))?;
    let connection = StoreConnection::open(settings).await?;
    let restored = restore(&connection, &file, command.into_existing, &mut interrupts).await;
    connection.close().await;
    let counts = restored?;
    println!("{}: restored {} scopes, {} history rows", file.path.display(), counts.scopes, counts.rows);
    if counts.ended > 0 {
        println!("not restored: {} scopes that have ended since the backup", counts.ended);
    }
    Ok(())
}

/// Reads and checks the whole file.
fn check(path: &Path) -> Result<CheckedFile<'_>, Failure> {
    let refused = |error: ReadError| refused(path, &error, "nothing was restored");
    let mut reader = open(path)?;
    while reader.next().map_err(refused)?.is_some() {}
    let id = u64::from_str_radix(&reader.header().id, 16);
    let id = id.map_err(|_| refused(ReadError::Damaged(0, "the id of the backup is no number".to_owned())))?;
    let end = reader.end().cloned().ok_or_else(|| refused(ReadError::Unended(0)))?;
    Ok(CheckedFile { path, id, end })
}

fn open(path: &Path) -> Result<BackupReader<BufReader<File>>, Failure> {
    let file = File::open(path).map_err(|error| Failure::no_input(format!("{}: {error}", path.display())))?;
    BackupReader::new(BufReader::new(file)).map_err(|error| refused(path, &error, "nothing was restored"))
}

fn refused(path: &Path, error: &ReadError, summary: &str) -> Failure {
    Failure::data(vec![format!("{}: {error}", path.display())], summary)
}

async fn restore(
    connection: &StoreConnection,
    file: &CheckedFile<'_>,
    into_existing: bool,
    interrupts: &mut Interrupts,
) -> Result<batches::Counts, Failure> {
    let transfer = connection.transfer()?;
    let failed =
        |fault: Fault| Failure::unavailable(format!("the store cannot be used: {fault}; nothing was restored"));
    let is_empty = preconditions::check(connection, file.id, into_existing).await?;
    retried(async || transfer.set_unfinished_restore(Some(file.id)).await).await.map_err(failed)?;
    let time = StoreTime { now: Timestamp(file.end.now), absorbed: Millis(file.end.absorbed) };
    let mut done = 0;
    let written = tokio::select! {
        written = write(connection, transfer, file, (time, is_empty), &mut done) => written,
        () = interrupts.next() => Err("a signal".to_owned()),
    };
    written.map_err(|why| {
        Failure::interrupted(format!(
            "interrupted after {done} of {} scopes by {why}\nthe store has a part of the backup, and nodes refuse it; \
             the same command, once more, completes the restore",
            file.end.scopes
        ))
    })
}

async fn write(
    connection: &StoreConnection,
    transfer: &dyn Transfer,
    file: &CheckedFile<'_>,
    (time, is_empty): (StoreTime, bool),
    done: &mut u64,
) -> Result<batches::Counts, String> {
    let text = |fault: Fault| format!("a failure of the store: {fault}");
    retried(async || transfer.continue_time(time, is_empty).await).await.map_err(text)?;
    let now = connection.time().await.map_err(text)?.now;
    let reader = open(file.path).map_err(|_| format!("a change of {}", file.path.display()))?;
    let mut batches = Batches::new(reader, now);
    let mut progress = Progress::new("scopes", file.end.scopes);
    while let Some(Batch { steps, scopes }) = batches.next().map_err(|error| error.to_string())? {
        send(transfer, &steps).await.map_err(text)?;
        *done = scopes;
        progress.show(scopes);
    }
    retried(async || transfer.set_unfinished_restore(None).await).await.map_err(text)?;
    Ok(batches.counts)
}

async fn send(transfer: &dyn Transfer, steps: &[RestoreStep]) -> Result<(), Fault> {
    retried(async || transfer.restore(steps.to_vec()).await).await
}
