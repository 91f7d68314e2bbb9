//! `tickcast backup`: writes all scopes of the store into a file.

mod target;

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::PathBuf;

use clap::Args;
use engine::store::{Export, ExportPart};
use timers::{Scope, ScopeKind};

use crate::commands::Failure;
use crate::commands::backup::target::Target;
use crate::commands::backup_file::{BackupWriter, End, Header};
use crate::commands::interrupts::Interrupts;
use crate::commands::progress::Progress;
use crate::commands::store_connection::{StoreConnection, retried};
use crate::ops::config::{Settings, StoreUrl};

/// The options of `tickcast backup`.
#[derive(Args)]
pub(crate) struct BackupCommand {
    /// The file to write; it must not exist
    file: PathBuf,
}

/// What was written.
struct WrittenCounts {
    scopes: u64,
    rows: u64,
    /// What could not be read.
    damaged: Vec<String>,
}

/// Writes the backup. The file appears under its name when it is complete and on the disk.
pub(crate) async fn run(command: &BackupCommand, settings: &Settings) -> Result<(), Failure> {
    let target = Target::create(&command.file)?;
    let mut interrupts = Interrupts::new()
        .map_err(|error| Failure::unavailable(format!("the signals of the process cannot be read: {error}")))?;
    let connection = StoreConnection::open(settings).await?;
    let written = tokio::select! {
        written = write(&connection, settings, target) => written,
        () = interrupts.next() => Err(Failure::interrupted("interrupted; no backup was written")),
    };
    connection.close().await;
    let WrittenCounts { scopes, rows, damaged } = written?;
    println!("{}: {scopes} scopes, {rows} history rows", command.file.display());
    if damaged.is_empty() {
        return Ok(());
    }
    let summary = format!("the backup is written and lacks what cannot be read: {} parts", damaged.len());
    Err(Failure::data(damaged, summary))
}

/// Tells whether scopes of this kind are left out: the leases of nodes and orders to them are of no use to other ones.
pub(super) fn is_of_nodes(scope: &Scope) -> bool {
    matches!(scope.kind(), ScopeKind::Node | ScopeKind::Cluster)
}

async fn write(connection: &StoreConnection, settings: &Settings, target: Target) -> Result<WrittenCounts, Failure> {
    let io = |error: io::Error| Failure::unavailable(format!("{}: {error}", target.path().display()));
    let transfer = connection.transfer()?;
    let failed = |fault| Failure::unavailable(format!("the store cannot be read: {fault}; no backup was written"));
    let mut export = retried(async || transfer.export().await).await.map_err(failed)?;
    let mut writer = BackupWriter::new(BufWriter::new(target.file().map_err(io)?), &header(settings)).map_err(io)?;
    let mut progress = Progress::new("scopes", export.scopes());
    let mut written = WrittenCounts { scopes: 0, rows: 0, damaged: Vec::new() };
    let (mut passed, mut is_left_out) = (0, false);
    while let Some(part) = next(&mut *export).await.map_err(failed)? {
        match part {
            ExportPart::Scope(stored) => {
                passed += 1;
                is_left_out = is_of_nodes(&stored.scope);
                if !is_left_out {
                    written.scopes += 1;
                    writer.scope(&stored).map_err(io)?;
                }
            }
            ExportPart::Rows(_) if is_left_out => {}
            ExportPart::Rows(rows) => {
                written.rows += rows.len() as u64;
                writer.rows(&rows).map_err(io)?;
            }
            ExportPart::Damaged(name, fault) => written.damaged.push(format!("not in the backup: {name}: {fault}")),
        }
        progress.show(passed);
    }
    let time = connection.time().await.map_err(failed)?;
    let end = End { scopes: written.scopes, rows: written.rows, now: time.now.0, absorbed: time.absorbed.0 };
    let file: File = writer.finish(&end).and_then(|out| Ok(out.into_inner()?)).map_err(io)?;
    target.publish(&file)?;
    Ok(written)
}

async fn next(export: &mut dyn Export) -> Result<Option<ExportPart>, engine::store::Fault> {
    retried(async || export.next().await).await
}

fn header(settings: &Settings) -> Header {
    let store = match settings.store.url {
        StoreUrl::Embedded(_) => "embedded",
        StoreUrl::Memory => "memory",
        StoreUrl::Redis(_) => "redis",
    };
    Header {
        id: format!("{:016x}", fastrand::u64(..)),
        created: jiff::Timestamp::now().to_string(),
        tickcast: env!("CARGO_PKG_VERSION").to_owned(),
        store: store.to_owned(),
    }
}
