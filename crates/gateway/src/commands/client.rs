//! The commands that use a server as any client does: timers and rooms at a terminal or in scripts.

mod connection;
mod display;
mod room;
mod selection;
mod session;
mod text;
mod watch_timers;

use clap::Subcommand;

use crate::commands::Failure;
use crate::commands::client::room::RoomCommand;
use crate::commands::client::session::{SessionCommand, StartCommand};
use crate::commands::client::watch_timers::WatchCommand;

/// A command that uses a server as any client does. None of them reads a configuration.
#[derive(Subcommand)]
pub(crate) enum ClientCommand {
    /// Shows a user's timers, live at a terminal, or their changes line by line
    Watch(WatchCommand),
    /// Starts a timer and prints its id
    Start(StartCommand),
    /// Pauses a timer
    Pause(SessionCommand),
    /// Resumes a paused timer, or runs a stopped one again
    Resume(SessionCommand),
    /// Stops a timer
    Stop(SessionCommand),
    /// Removes a timer from the list on every device
    Remove(SessionCommand),
    /// Joins a room and shows its countdown, or controls it
    Room(RoomCommand),
}

/// Runs a command to its end.
pub(crate) fn run(command: &ClientCommand) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::unavailable(format!("the process cannot start: {error}")))?;
    let done = runtime.block_on(async {
        match command {
            ClientCommand::Watch(command) => watch_timers::run(command).await,
            ClientCommand::Start(command) => session::start(command).await,
            ClientCommand::Pause(command) => session::run(command, session::Action::Pause).await,
            ClientCommand::Resume(command) => session::run(command, session::Action::Resume).await,
            ClientCommand::Stop(command) => session::run(command, session::Action::Stop).await,
            ClientCommand::Remove(command) => session::run(command, session::Action::Remove).await,
            ClientCommand::Room(command) => room::run(command).await,
        }
    });
    // A thread may still wait for the operating system, such as for a name.
    runtime.shutdown_background();
    done
}
