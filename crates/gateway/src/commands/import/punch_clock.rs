//! `tickcast import punch-clock`: people's working days.

mod check;
mod parts;
mod people;
mod write;

use std::path::PathBuf;

use clap::Args;
use timers::Timestamp;

use crate::commands::Failure;
use crate::commands::import::documents;
use crate::commands::import::namespace::People;
use crate::commands::import::punch_clock::check::PeopleSummary;
use crate::commands::interrupts::Interrupts;
use crate::commands::store_session::StoreSession;
use crate::ops::config::Settings;
use crate::systems::System;

/// The options of `tickcast import punch-clock`.
#[derive(Args)]
pub(crate) struct PunchClockImport {
    /// The collections `usersessions` and `dailylogs`, as `mongoexport` writes them, one document a line
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The time zone of people who are new to Tickcast, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    zone: String,
    /// The namespace of the people, if logins of several can name them; empty for none
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// Checks everything and writes nothing
    #[arg(long)]
    check: bool,
}

/// Imports the files: reads and checks all of them, against the store as well, before it writes anything.
pub(crate) async fn run(import: &PunchClockImport, settings: &Settings) -> Result<(), Failure> {
    let namespace = People::new(settings, System::PunchClock, import.namespace.as_deref())?;
    if wire::zone(&import.zone, Timestamp::default(), Timestamp::default()).is_none() {
        return Err(Failure::usage(format!("--zone: there is no time zone {:?}", import.zone)));
    }
    let people = people::group(documents::read(&import.files)?, &namespace)?;
    let mut interrupts = Interrupts::new()
        .map_err(|error| Failure::unavailable(format!("the signals of the process cannot be read: {error}")))?;
    let session = StoreSession::open(settings).await?;
    let done = async {
        let checked = tokio::select! {
            checked = check::check(&session, &people, &import.zone, settings) => checked,
            () = interrupts.next() => Err(Failure::interrupted("interrupted; nothing was imported")),
        }?;
        if !import.check {
            write::write(&session, &people, &import.zone, &mut interrupts).await?;
        }
        print(&checked, import.check);
        Ok(())
    };
    let done = done.await;
    session.close().await;
    done
}

fn print(summary: &PeopleSummary, is_check: bool) {
    println!("people: {} read, {} new, {} known", summary.people, summary.new, summary.people - summary.new);
    let known = summary.punches - summary.new_punches;
    println!("punches: {} read, {} new, {known} known", summary.punches, summary.new_punches);
    println!("days: {} changed", summary.days);
    if is_check {
        println!("nothing was written (--check)");
    }
}
