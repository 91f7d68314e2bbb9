//! The steps of every import after its files are read: the check against the store, the writes, the summary.

use crate::commands::Failure;
use crate::commands::interrupts::Interrupts;
use crate::commands::store_session::StoreSession;
use crate::ops::config::Settings;

/// What the files of an import have.
pub(super) trait FileContents {
    /// What an import makes of it.
    type Summary;

    /// Checks all of it against the store, and writes nothing.
    async fn check(&mut self, session: &StoreSession) -> Result<Self::Summary, Failure>;

    /// Writes all of it, after the check.
    async fn write(&self, session: &StoreSession, interrupts: &mut Interrupts) -> Result<(), Failure>;

    /// Prints what the import has done.
    fn print(summary: &Self::Summary);
}

/// Checks what the files have, and writes it unless the operator wants no more than the check.
pub(super) async fn run(contents: &mut impl FileContents, settings: &Settings, is_check: bool) -> Result<(), Failure> {
    let mut interrupts = Interrupts::new()
        .map_err(|error| Failure::unavailable(format!("the signals of the process cannot be read: {error}")))?;
    let session = StoreSession::open(settings).await?;
    let done = check_and_write(contents, &session, &mut interrupts, is_check).await;
    session.close().await;
    done
}

async fn check_and_write<C: FileContents>(
    contents: &mut C,
    session: &StoreSession,
    interrupts: &mut Interrupts,
    is_check: bool,
) -> Result<(), Failure> {
    let summary = tokio::select! {
        checked = contents.check(session) => checked,
        () = interrupts.next() => Err(Failure::interrupted("interrupted; nothing was imported")),
    }?;
    if !is_check {
        contents.write(session, interrupts).await?;
    }
    C::print(&summary);
    if is_check {
        println!("nothing was written (--check)");
    }
    Ok(())
}
