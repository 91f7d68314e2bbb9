//! `tickcast start`, `pause`, `resume`, `stop` and `remove`: one command for one timer.

use clap::Args;
use serde_json::json;
use tickcast_client::ClockitClient;
use tickcast_client::clockit::{SessionPhase, SessionStart};

use crate::commands::Failure;
use crate::commands::client::connection::{ConnectProgress, ServerArguments};
use crate::commands::client::display::print_line;
use crate::commands::client::selection::select;
use crate::commands::client::text::printable;

/// The options of `tickcast start`.
#[derive(Args)]
pub(crate) struct StartCommand {
    /// What the timer is for
    label: String,
    /// The id of the timer; a timer that has it is run again. By default the server generates one
    #[arg(long)]
    id: Option<String>,
    /// A text about the timer
    #[arg(long)]
    comment: Option<String>,
    /// Prints a JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArguments,
}

/// The options of a command for one timer.
#[derive(Args)]
pub(crate) struct SessionCommand {
    /// The id or the label of the timer; not needed if there is only one that the command fits
    timer: Option<String>,
    /// Prints a JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArguments,
}

/// What a command does with a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Pause,
    Resume,
    Stop,
    Remove,
}

impl Action {
    /// Tells whether the action has an effect on a timer in a phase.
    pub(super) fn fits(self, phase: SessionPhase) -> bool {
        match self {
            Self::Pause => phase == SessionPhase::Running,
            Self::Resume => phase != SessionPhase::Running,
            Self::Stop => phase != SessionPhase::Stopped,
            Self::Remove => true,
        }
    }

    /// Tells whether a timer in a phase is rather meant than one in another that fits too.
    pub(super) fn prefers(self, phase: SessionPhase) -> bool {
        match self {
            Self::Resume => phase == SessionPhase::Paused,
            Self::Pause | Self::Stop | Self::Remove => false,
        }
    }

    /// Returns the word for a timer after the action.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Stop => "stopped",
            Self::Remove => "removed",
        }
    }
}

/// Starts a timer.
pub(super) async fn start(command: &StartCommand) -> Result<(), Failure> {
    let StartCommand { label, id, comment, server, .. } = command;
    let client = connect(server).await?;
    let start = SessionStart { session_id: id.clone(), comment: comment.clone(), ..SessionStart::new(label.as_str()) };
    let started = server.answered(client.start(&start), ServerArguments::command_failure).await;
    client.close().await;
    report("started", label, &started?.session_id, command.json)
}

/// Does something with a timer that exists.
pub(super) async fn run(command: &SessionCommand, action: Action) -> Result<(), Failure> {
    let server = &command.server;
    let client = connect(server).await?;
    let session = select(&client.snapshot().sessions, command.timer.as_deref(), action);
    let session = session.map_err(|failure| Failure::data(failure.candidates, failure.message))?;
    let id = session.state.session_id.as_str();
    let done = async {
        match action {
            Action::Pause => client.pause(id).await,
            Action::Resume => client.resume(id).await,
            Action::Stop => client.stop(id).await,
            Action::Remove => client.remove(id).await,
        }
    };
    let done = server.answered(done, ServerArguments::command_failure).await;
    client.close().await;
    done?;
    report(action.done(), &session.state.label, id, command.json)
}

async fn connect(server: &ServerArguments) -> Result<ClockitClient, Failure> {
    let client = ClockitClient::open(server.options_of_user()?);
    let mut snapshots = client.subscribe();
    let connected = server.connected(&mut snapshots, |snapshot| {
        if snapshot.is_loaded {
            ConnectProgress::Done
        } else {
            ConnectProgress::Connection(snapshot.connection.clone())
        }
    });
    connected.await?;
    Ok(client)
}

fn report(done: &str, label: &str, id: &str, is_json: bool) -> Result<(), Failure> {
    print_line(&if is_json {
        json!({ "type": done, "sessionId": id, "label": label }).to_string()
    } else {
        format!("{done} \"{}\" ({})", printable(label), printable(id))
    })
}
